import type { Fields } from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import {
  type Check,
  containers,
  containersOf,
  containersWhere,
  type PodCheck,
  type PodLike,
  plural,
  quotedList,
  securityOf,
  setters,
  sorted,
  type Violation,
} from './check.ts';

const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const SECCOMP_POD_ANNOTATION = 'seccomp.security.alpha.kubernetes.io/pod';
const SECCOMP_CONTAINER_ANNOTATION = 'container.seccomp.security.alpha.kubernetes.io/';
/** Profiles that confine: any other value of type turns confinement off. */
export const CONFINED = new Set(['RuntimeDefault', 'Localhost']);

function appArmorProfile(pod: PodLike): Violation | undefined {
  const types: string[] = [];
  const who = setters(pod, (security) => collect(objectAt(security, 'appArmorProfile'), 'type', CONFINED, types));
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(
      ([key, value]) => key.startsWith(APPARMOR_ANNOTATION) && !/^(|runtime\/default|localhost\/.*)$/s.test(value),
    )
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const all = [who, annotations.length > 0 ? plural(annotations, 'annotation') : ''].filter(Boolean).join(' and ');
  if (all === '') return undefined;
  const values = [...sorted(types), ...annotations];
  return {
    reason: plural(values, 'forbidden AppArmor profile'),
    detail: `${all} must not set AppArmor profile type to ${quotedList(values)}`,
  };
}

/** True, with the value added to the bad ones, if the fields are there and hold one that is not allowed. */
export function collect(fields: Fields | undefined, key: string, allowed: ReadonlySet<string>, bad: string[]): boolean {
  if (fields === undefined) return false;
  const value = textAt(fields, key);
  if (allowed.has(value)) return false;
  bad.push(value);
  return true;
}

const CAPABILITIES = new Set(
  (
    'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID ' +
    'SYS_CHROOT'
  ).split(' '),
);

/** The capabilities that a container adds beyond the allowed ones. */
export function addedCapabilities(container: Fields, allowed: ReadonlySet<string>): string[] {
  return textsAt(objectAt(securityOf(container), 'capabilities'), 'add').filter((name) => !allowed.has(name));
}

function capabilities(pod: PodLike): Violation | undefined {
  return addsForbidden(pod, CAPABILITIES, 'non-default capabilities');
}

export function addsForbidden(pod: PodLike, allowed: ReadonlySet<string>, reason: string): Violation | undefined {
  const names = containersWhere(pod, (container) => addedCapabilities(container, allowed).length > 0);
  if (names.length === 0) return undefined;
  const added = sorted(containersOf(pod).flatMap((container) => addedCapabilities(container, allowed)));
  const detail = `${containers(names)} must not include ${quotedList(added)} in securityContext.capabilities.add`;
  return { reason, detail };
}

function hostNamespaces({ spec }: PodLike): Violation | undefined {
  const shared = ['hostNetwork', 'hostPID', 'hostIPC'].filter((field) => spec?.[field] === true);
  if (shared.length === 0) return undefined;
  return { reason: 'host namespaces', detail: shared.map((field) => `${field}=true`).join(', ') };
}

function hostPathVolumes({ spec }: PodLike): Violation | undefined {
  const volumes = objectsAt(spec, 'volumes').filter((volume) => objectAt(volume, 'hostPath'));
  if (volumes.length === 0) return undefined;
  const names = volumes.map((volume) => textAt(volume, 'name'));
  return { reason: 'hostPath volumes', detail: `${plural(names, 'volume')} ${quotedList(names)}` };
}

function hostPorts(pod: PodLike): Violation | undefined {
  const portsOf = (container: Fields) =>
    objectsAt(container, 'ports').flatMap((port) => numberAt(port, 'hostPort') || []);
  const names = containersWhere(pod, (container) => portsOf(container).length > 0);
  if (names.length === 0) return undefined;
  const ports = sorted(containersOf(pod).flatMap(portsOf).map(String));
  const uses = plural(names, 'uses', 'use');
  return {
    reason: 'hostPort',
    detail: `${containers(names)} ${uses} ${plural(ports, 'hostPort')} ${ports.join(', ')}`,
  };
}

/** The hosts that a container's probes and hooks connect to instead of the pod itself. */
function otherHosts(container: Fields): string[] {
  const lifecycle = objectAt(container, 'lifecycle');
  const handlers = [
    ...['livenessProbe', 'readinessProbe', 'startupProbe'].map((probe) => objectAt(container, probe)),
    objectAt(lifecycle, 'postStart'),
    objectAt(lifecycle, 'preStop'),
  ];
  return handlers
    .flatMap((handler) => ['httpGet', 'tcpSocket'].map((kind) => textAt(objectAt(handler, kind), 'host')))
    .filter(Boolean);
}

function hostProbes(pod: PodLike): Violation | undefined {
  const names = sorted(containersWhere(pod, (container) => otherHosts(container).length > 0));
  if (names.length === 0) return undefined;
  const hosts = sorted(containersOf(pod).flatMap(otherHosts));
  const what = plural(hosts, 'probe or lifecycle host');
  return {
    reason: 'probe or lifecycle host',
    detail: `${containers(names)} ${plural(names, 'uses', 'use')} ${what} ${quotedList(hosts)}`,
  };
}

function privileged(pod: PodLike): Violation | undefined {
  const names = containersWhere(pod, (container) => securityOf(container)?.['privileged'] === true);
  if (names.length === 0) return undefined;
  return { reason: 'privileged', detail: `${containers(names)} must not set securityContext.privileged=true` };
}

function procMount(pod: PodLike): Violation | undefined {
  const mountOf = (container: Fields) => textAt(securityOf(container), 'procMount');
  const isBad = (container: Fields) => !['', 'Default'].includes(mountOf(container));
  const names = containersWhere(pod, isBad);
  if (names.length === 0) return undefined;
  const types = sorted(containersOf(pod).filter(isBad).map(mountOf));
  return {
    reason: 'procMount',
    detail: `${containers(names)} must not set securityContext.procMount to ${quotedList(types)}`,
  };
}

function seccompAnnotations(pod: PodLike): Violation | undefined {
  const annotations = pod.metadata.annotations ?? {};
  const keys = [
    SECCOMP_POD_ANNOTATION,
    ...containersOf(pod).map((container) => `${SECCOMP_CONTAINER_ANNOTATION}${textAt(container, 'name')}`),
  ];
  const bad = keys
    .filter(
      (key) =>
        key in annotations && !/^(runtime\/default|docker\/default|localhost\/.*)$/s.test(annotations[key] ?? ''),
    )
    .map((key) => `${key}=${JSON.stringify(annotations[key])}`);
  if (bad.length === 0) return undefined;
  const given = sorted(bad);
  return { reason: 'seccompProfile', detail: `forbidden ${plural(given, 'annotation')} ${given.join(', ')}` };
}

export function seccompProfile(pod: PodLike): Violation | undefined {
  const types: string[] = [];
  const who = setters(pod, (security) => collect(objectAt(security, 'seccompProfile'), 'type', CONFINED, types));
  if (who === '') return undefined;
  const detail = `${who} must not set securityContext.seccompProfile.type to ${quotedList(sorted(types))}`;
  return { reason: 'seccompProfile', detail };
}

function seLinuxOptions(...allowed: string[]): PodCheck {
  const known = new Set(['', ...allowed]);
  return (pod) => {
    const types: string[] = [];
    const given = new Set<string>();
    const who = setters(pod, (security) => {
      const options = objectAt(security, 'seLinuxOptions');
      const named = ['user', 'role'].filter((field) => textAt(options, field) !== '');
      for (const field of named) given.add(field);
      return collect(options, 'type', known, types) || named.length > 0;
    });
    if (who === '') return undefined;
    const bad = sorted(types);
    const what = [
      ...(bad.length > 0 ? [`${plural(bad, 'type')} ${quotedList(bad)}`] : []),
      ...['user', 'role'].filter((field) => given.has(field)).map((field) => `${field} may not be set`),
    ];
    const detail = `${who} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`;
    return { reason: 'seLinuxOptions', detail };
  };
}

function sysctls(allowed: readonly string[]): PodCheck {
  return ({ spec }) => {
    const names = objectsAt(securityOf(spec), 'sysctls').map((sysctl) => textAt(sysctl, 'name'));
    const bad = names.filter((name) => !allowed.includes(name));
    return bad.length > 0 ? { reason: 'forbidden sysctls', detail: bad.join(', ') } : undefined;
  };
}

function hostProcess(pod: PodLike): Violation | undefined {
  const who = setters(pod, (security) => objectAt(security, 'windowsOptions')?.['hostProcess'] === true);
  if (who === '') return undefined;
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
}

const SYSCTLS_0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const SYSCTLS_27 = [...SYSCTLS_0, 'net.ipv4.ip_local_reserved_ports'];
const SYSCTLS_29 = [
  ...SYSCTLS_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const SYSCTLS_32 = [...SYSCTLS_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];
const SELINUX = ['container_t', 'container_init_t', 'container_kvm_t'];

/** What keeps a pod from the known ways to take over its node, in the order of their ids. */
export const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', versions: [[0, appArmorProfile]] },
  { id: 'capabilities_baseline', versions: [[0, capabilities]] },
  { id: 'hostNamespaces', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', versions: [[34, hostProbes]] },
  { id: 'privileged', versions: [[0, privileged]] },
  { id: 'procMount', versions: [[0, procMount]] },
  {
    id: 'seLinuxOptions',
    versions: [
      [0, seLinuxOptions(...SELINUX)],
      [31, seLinuxOptions(...SELINUX, 'container_engine_t')],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    versions: [
      [0, seccompAnnotations],
      [19, seccompProfile],
    ],
  },
  {
    id: 'sysctls',
    versions: [
      [0, sysctls(SYSCTLS_0)],
      [27, sysctls(SYSCTLS_27)],
      [29, sysctls(SYSCTLS_29)],
      [32, sysctls(SYSCTLS_32)],
    ],
  },
  { id: 'windowsHostProcess', versions: [[0, hostProcess]] },
];
