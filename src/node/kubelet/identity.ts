import type { NodeImage } from '../images.ts';
import type { Container, Pod } from '../pod.ts';
import type { ContainerUser } from '../runtime.ts';
import type { Accounts } from './image-accounts.ts';

/** docker's default set without the ones that reach beyond the container here: there is no filter of devices. */
const defaultCapabilities = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'audit_write',
];

/** What a pod may add: these act within its own namespaces. Not sys_ptrace: an exec enters with privileges that a tracer could take. */
const addable = new Set([
  ...defaultCapabilities,
  'net_admin',
  'net_broadcast',
  'ipc_lock',
  'ipc_owner',
  'lease',
  'setfcap',
  'wake_alarm',
]);

/**
 * The capabilities of a container: 'net_bind_service'.
 * @throws Error for one that cannot be given.
 */
export function capabilitiesOf(container: Container): string[] {
  const names = (list: string[] = []) => list.map((name) => name.toLowerCase().replace(/^cap_/, ''));
  const add = names(container.securityContext?.capabilities?.add);
  const drop = new Set(names(container.securityContext?.capabilities?.drop));
  const start = add.includes('all') ? [...addable] : drop.has('all') ? [] : defaultCapabilities;
  if (add.includes('all')) throw new Error('this node cannot give a container all capabilities');
  const impossible = add.find((name) => !addable.has(name));
  if (impossible) throw new Error(`this node cannot give a container the capability ${impossible.toUpperCase()}`);
  return [...new Set([...start.filter((name) => !drop.has(name)), ...add])];
}

/**
 * Who a container runs as: its securityContext's user, the pod's, the image's, root. The groups are those it asks for and
 * those that the image has its user in, unless the pod wants only its own (supplementalGroupsPolicy: Strict).
 * @throws Error worded as the kubelet does when runAsNonRoot forbids it, and for a user that the image does not know.
 */
export function userOf(pod: Pod, container: Container, image: NodeImage, accounts: Accounts): ContainerUser {
  const shared = pod.spec?.securityContext;
  const own = container.securityContext;
  const [imageUser = '', imageGroup = ''] = image.config.user.split(':');
  const stated = own?.runAsUser ?? shared?.runAsUser;
  const account = accounts.user(stated === undefined ? imageUser || '0' : String(stated));
  if (own?.runAsNonRoot ?? shared?.runAsNonRoot) {
    const why = rootRefusal(stated, imageUser);
    if (why) throw new Error(`${why} (pod: "${podLabel(pod)}", container: ${container.name})`);
  }
  const uid = stated ?? account?.uid ?? numberOf(imageUser || '0');
  if (uid === undefined) throw new Error(`unable to find user ${imageUser}: no matching entries in passwd file`);
  const groupOfImage = stated === undefined && imageGroup ? groupNumber(imageGroup, accounts) : undefined;
  const gid = own?.runAsGroup ?? shared?.runAsGroup ?? groupOfImage ?? account?.gid ?? 0;
  const extra = [
    ...(shared?.supplementalGroups ?? []),
    ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup]),
    ...(account && shared?.supplementalGroupsPolicy !== 'Strict' ? accounts.groupsOf(account.name) : []),
  ];
  return { uid, gid, groups: [...new Set(extra)] };
}

function rootRefusal(stated: number | undefined, imageUser: string): string | undefined {
  if (stated !== undefined) return stated === 0 ? "container's runAsUser breaks non-root policy" : undefined;
  const uid = numberOf(imageUser || '0');
  if (uid === undefined)
    return `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`;
  return uid === 0 ? 'container has runAsNonRoot and image will run as root' : undefined;
}

function groupNumber(group: string, accounts: Accounts): number {
  const gid = accounts.group(group) ?? numberOf(group);
  if (gid === undefined) throw new Error(`unable to find group ${group}: no matching entries in group file`);
  return gid;
}

const numberOf = (text: string) => (/^\d{1,10}$/.test(text) ? Number(text) : undefined);

/** A pod as the kubelet's messages name it: 'name_namespace(uid)'. */
export function podLabel(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
