import { type Fields, parseQuantity } from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { APP_ARMOR, SECCOMP_CONTAINER, SECCOMP_POD } from './annotations.ts';

/** Labels of nodes that have another name now, or none. */
const nodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

const annotationNotes = Object.entries({
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
});

/** Volumes of old, and since when they do nothing. */
const volumeNotes = Object.entries<readonly [name: string, note: string]>({
  photonPersistentDisk: ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  gitRepo: ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  scaleIO: ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  flocker: ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  storageos: ['storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  quobyte: ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  glusterfs: ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  cephfs: ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  rbd: ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
});

const NO_SELECTOR = 'a null labelSelector results in matching no pod';

/**
 * What is right about a pod or template and hardly what was meant (core api/pod GetWarningsForPod).
 * @param path of the object that has `metadata` and `spec`: '' for a pod, 'spec.template' for a template.
 */
export function podWarnings(object: Fields, path: string): string[] {
  const at = path === '' ? '' : `${path}.`;
  const spec = objectAt(object, 'spec') ?? {};
  const annotations = objectAt(objectAt(object, 'metadata'), 'annotations') ?? {};
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) =>
    objectsAt(spec, key).map((container, index) => [container, `${at}spec.${key}[${index}]`] as const),
  );
  return [
    ...placementWarnings(spec, `${at}spec`),
    ...annotationNotes
      .filter(([key]) => Object.hasOwn(annotations, key))
      .map(([key, note]) => `${at}metadata.annotations[${key}]: ${note}`),
    ...volumeWarnings(objectsAt(spec, 'volumes'), `${at}spec.volumes`),
    ...repetitions(objectsAt(spec, 'hostAliases'), 'ip', `${at}spec.hostAliases`),
    ...repetitions(objectsAt(spec, 'imagePullSecrets'), 'name', `${at}spec.imagePullSecrets`),
    ...objectsAt(spec, 'imagePullSecrets').flatMap((secret, i) =>
      textAt(secret, 'name') === '' ? [`${at}spec.imagePullSecrets[${i}].name: invalid empty name ""`] : [],
    ),
    ...byteWarnings(objectAt(spec, 'overhead'), `${at}spec.overhead`),
    ...profileWarnings(spec, annotations, containers, `${at}metadata.annotations`),
    ...containers.flatMap(([container, where]) => containerWarnings(container, where)),
    ...portWarnings(containers),
    ...((numberAt(spec, 'terminationGracePeriodSeconds') ?? 0) < 0
      ? [`${at}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...affinityWarnings(objectAt(spec, 'affinity'), `${at}spec.affinity`),
  ];
}

function placementWarnings(spec: Fields, path: string): string[] {
  const labels = Object.keys(objectAt(spec, 'nodeSelector') ?? {});
  return [
    ...labels.filter((key) => nodeLabels[key]).map((key) => `${path}.nodeSelector[${key}]: ${nodeLabels[key]}`),
    ...objectsAt(spec, 'topologySpreadConstraints').flatMap((constraint, i) => {
      const at = `${path}.topologySpreadConstraints[${i}]`;
      const key = textAt(constraint, 'topologyKey');
      return [
        ...(nodeLabels[key] ? [`${at}.topologyKey: ${key} is ${nodeLabels[key]}`] : []),
        ...(objectAt(constraint, 'labelSelector') ? [] : [`${at}.labelSelector: ${NO_SELECTOR}`]),
      ];
    }),
  ];
}

function volumeWarnings(volumes: readonly Fields[], path: string): string[] {
  return volumes.flatMap((volume, index) => [
    ...volumeNotes
      .filter(([source]) => objectAt(volume, source))
      .map(([, [name, note]]) => `${path}[${index}].${name}: ${note}`),
    ...objectsAt(objectAt(volume, 'projected'), 'sources')
      .filter((source) => Object.keys(source).length === 0)
      .map(() => `volume ${JSON.stringify(textAt(volume, 'name'))} (Projected) has no sources provided`),
  ]);
}

function repetitions(items: readonly Fields[], key: string, path: string): string[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const value = textAt(item, key);
    const repeated = seen.has(value);
    seen.add(value);
    return repeated ? [`${path}[${index}].${key}: duplicate ${key} ${JSON.stringify(value)}`] : [];
  });
}

/** Bytes come whole. */
function byteWarnings(amounts: Fields | undefined, path: string): string[] {
  return ['memory', 'ephemeral-storage'].flatMap((name) => {
    const amount = amounts?.[name];
    if (amount === undefined || parseQuantity(String(amount)).nanos % 1_000_000_000n === 0n) return [];
    return [`${path}[${name}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`];
  });
}

function containerWarnings(container: Fields, path: string): string[] {
  const resources = objectAt(container, 'resources');
  const amounts = ['limits', 'requests'];
  return [
    ...amounts.flatMap((key) => byteWarnings(objectAt(resources, key), `${path}.resources.${key}`)),
    ...hiddenVariables(objectsAt(container, 'env'), `${path}.env`),
  ];
}

function hiddenVariables(env: readonly Fields[], path: string): string[] {
  const warnings: string[] = [];
  const seen = new Set<string>();
  for (const [index, variable] of env.entries()) {
    const name = textAt(variable, 'name');
    if (seen.has(name) && !addsToItself(variable, name)) {
      const what = `hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`;
      warnings.push(`${path}[${index}]: ${what}`);
    }
    seen.add(name);
  }
  return warnings;
}

/** A variable that adds to what it was before hides nothing. */
function addsToItself(variable: Fields, name: string): boolean {
  const value = textAt(variable, 'value');
  const reference = `$(${name})`;
  return variable['valueFrom'] === undefined && value !== reference && value.includes(reference);
}

/** Profiles are fields now; annotations for seccomp do nothing any more. */
function profileWarnings(
  spec: Fields,
  annotations: Fields,
  containers: readonly (readonly [Fields, string])[],
  path: string,
): string[] {
  const warnings: string[] = [];
  const hasProfile = (of: Fields): boolean => objectAt(objectAt(of, 'securityContext'), 'seccompProfile') !== undefined;
  const warn = (key: string, since: string, field: string): void => {
    if (Object.hasOwn(annotations, key)) warnings.push(`${path}[${key}]: ${since}; use the "${field}" field instead`);
  };
  const [nothing, old] = ['non-functional in v1.27+', 'deprecated since v1.30'];
  if (!hasProfile(spec)) warn(SECCOMP_POD, nothing, 'seccompProfile');
  for (const [container] of containers) {
    const name = textAt(container, 'name');
    if (!hasProfile(container)) warn(`${SECCOMP_CONTAINER}${name}`, nothing, 'seccompProfile');
    warn(`${APP_ARMOR}${name}`, old, 'appArmorProfile');
  }
  return warnings;
}

function portWarnings(containers: readonly (readonly [Fields, string])[]): string[] {
  const warnings: string[] = [];
  const names = new Map<string, string>();
  const named: string[] = [];
  const ports = containers.flatMap(([container, path]) =>
    objectsAt(container, 'ports').map((port, index) => [port, `${path}.ports[${index}]`] as const),
  );
  ports.forEach(([port, at], index) => {
    if (textAt(port, 'hostIP') !== '' && !port['hostPort']) {
      const { name = '', containerPort, protocol, hostIP } = port;
      const printed = `{Name:${name} HostPort:0 ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
      warnings.push(`${at}: hostIP set without hostPort: ${printed}`);
    }
    for (const [other, where] of ports.slice(0, index)) {
      const how = conflictOf(port, other);
      if (how !== undefined) warnings.push(`${at}: ${how} port definition with ${where}`);
    }
    const name = textAt(port, 'name');
    const first = names.get(name);
    if (name === '') return;
    if (first === undefined) names.set(name, at);
    else {
      const effect = `services and probes that select ports by name will use ${first}`;
      named.push(`${at}: duplicate port name ${JSON.stringify(name)} with ${first}, ${effect}`);
    }
  });
  return [...warnings, ...named];
}

/** How two ports of a pod are in each other's way. */
function conflictOf(a: Fields, b: Fields): string | undefined {
  if (a['containerPort'] !== b['containerPort'] || a['protocol'] !== b['protocol']) return undefined;
  const [aHost, bHost] = [numberAt(a, 'hostPort') ?? 0, numberAt(b, 'hostPort') ?? 0];
  const [aIp, bIp] = [textAt(a, 'hostIP'), textAt(b, 'hostIP')];
  if (aIp === bIp && aHost === bHost) return 'duplicate';
  if (aHost === 0 || bHost === 0) return 'overlapping';
  return aHost === bHost && (aIp === '') !== (bIp === '') ? 'dangerously ambiguous' : undefined;
}

function affinityWarnings(affinity: Fields | undefined, path: string): string[] {
  return ['podAffinity', 'podAntiAffinity'].flatMap((key) => {
    const terms = objectAt(affinity, key);
    const at = `${path}.${key}`;
    const [required, preferred] = ['required', 'preferred'].map(
      (how) => `${how}DuringSchedulingIgnoredDuringExecution`,
    );
    return [
      ...objectsAt(terms, required ?? '').flatMap((term, i) =>
        objectAt(term, 'labelSelector') ? [] : [`${at}.${required}[${i}].labelSelector: ${NO_SELECTOR}`],
      ),
      ...objectsAt(terms, preferred ?? '').flatMap((weighted, i) =>
        objectAt(objectAt(weighted, 'podAffinityTerm'), 'labelSelector')
          ? []
          : [`${at}.${preferred}[${i}].podAffinityTerm.labelSelector: ${NO_SELECTOR}`],
      ),
    ];
  });
}

/** The warnings of the template at `spec.template`, when it is new or changed. */
export function templateWarnings(spec: Fields | undefined, path = 'spec.template'): string[] {
  return podWarnings(objectAt(spec, 'template') ?? {}, path);
}
