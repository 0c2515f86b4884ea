import type { NodeImage } from '../images.ts';
import type { Container, Pod } from '../pod.ts';
import type { ContainerUser } from '../runtime.ts';

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

/** Users that the host base's /etc/passwd names. */
const namedUsers: Partial<Record<string, number>> = { root: 0, daemon: 1, nobody: 65534 };

/**
 * Who a container runs as: its securityContext's user, the pod's, the image's, root.
 * @throws Error worded as the kubelet does when runAsNonRoot forbids it.
 */
export function userOf(pod: Pod, container: Container, image: NodeImage): ContainerUser {
  const shared = pod.spec?.securityContext;
  const own = container.securityContext;
  const [imageUser = '', imageGroup] = image.config.user.split(':');
  const uid = own?.runAsUser ?? shared?.runAsUser ?? numericUser(imageUser);
  const gid = own?.runAsGroup ?? shared?.runAsGroup ?? (imageGroup ? numericUser(imageGroup) : 0);
  if ((own?.runAsNonRoot ?? shared?.runAsNonRoot) && uid === 0) {
    const stated = own?.runAsUser ?? shared?.runAsUser;
    const why =
      stated === 0
        ? "container's runAsUser breaks non-root policy"
        : 'container has runAsNonRoot and image will run as root';
    throw new Error(`${why} (pod: "${podLabel(pod)}", container: ${container.name})`);
  }
  const extra = [...(shared?.supplementalGroups ?? []), ...(shared?.fsGroup === undefined ? [] : [shared.fsGroup])];
  return { uid, gid, groups: [...new Set(extra)] };
}

function numericUser(name: string): number {
  if (name === '') return 0;
  const known = namedUsers[name] ?? (/^\d{1,9}$/.test(name) ? Number(name) : undefined);
  if (known === undefined) throw new Error(`the image's user ${JSON.stringify(name)} is not known on the host base`);
  return known;
}

/** A pod as the kubelet's messages name it: 'name_namespace(uid)'. */
export function podLabel(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}
