import type { Client } from '../../client/index.ts';
import { type KubeObject, parseQuantity, quantityToNumber } from '../../machinery/index.ts';
import { type Container, configMaps, type EnvVar, type Pod, type ResourceFieldRef, secrets } from '../pod.ts';

/** What environment variables are made from. */
export interface EnvSources {
  client: Client;
  pod: Pod;
  podIp: string;
  hostIp: string;
  /** Services that the pod is told about as variables. */
  services: readonly KubeObject[];
  /** Of this machine, for resourceFieldRef without a limit. */
  capacity: { cpu: number; memory: number };
}

/**
 * The variables of a container: the Services', envFrom, env, each overriding the ones before, with $(NAME) expanded.
 * @throws Error worded as the kubelet does when a ConfigMap, a Secret or a key of it is missing.
 */
export async function environmentOf(container: Container, sources: EnvSources): Promise<Map<string, string>> {
  const service = serviceVariables(sources.services);
  const result = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    const reference = from.configMapRef ?? from.secretRef;
    if (!reference) continue;
    const data = await dataOf(
      sources,
      from.configMapRef ? 'configmap' : 'secret',
      reference.name ?? '',
      reference.optional,
    );
    for (const [key, value] of data ?? []) result.set(`${from.prefix ?? ''}${key}`, value.toString('utf8'));
  }
  for (const variable of container.env ?? []) {
    const lookup = (name: string) => result.get(name) ?? service.get(name);
    const value = variable.valueFrom
      ? await valueFrom(variable, container, sources)
      : expand(variable.value ?? '', lookup);
    if (value !== undefined) result.set(variable.name, value);
  }
  return new Map([...service, ...result]);
}

/** Replaces $(NAME) by its value where it has one; $$ is a dollar (Kubernetes' expansion syntax). */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (found, name: string | undefined) =>
    name === undefined ? '$' : (lookup(name) ?? found),
  );
}

async function valueFrom(variable: EnvVar, container: Container, sources: EnvSources): Promise<string | undefined> {
  const from = variable.valueFrom ?? {};
  if (from.fieldRef) return fieldOf(sources, from.fieldRef.fieldPath);
  if (from.resourceFieldRef) return resourceField(from.resourceFieldRef, container, sources);
  const [kind, reference] = from.configMapKeyRef
    ? (['configmap', from.configMapKeyRef] as const)
    : (['secret', from.secretKeyRef] as const);
  if (!reference) throw new Error(`this node does not support where the variable ${variable.name} comes from`);
  const data = await dataOf(sources, kind, reference.name ?? '', reference.optional);
  const value = data?.get(reference.key);
  if (value !== undefined || reference.optional) return value?.toString('utf8');
  const owner = `${sources.pod.metadata.namespace}/${reference.name}`;
  throw new Error(`couldn't find key ${reference.key} in ${kind === 'secret' ? 'Secret' : 'ConfigMap'} ${owner}`);
}

/** The contents of a ConfigMap or Secret, or undefined when it is optional and missing. */
export async function dataOf(
  sources: Pick<EnvSources, 'client' | 'pod'>,
  kind: 'configmap' | 'secret',
  name: string,
  optional: boolean | undefined,
): Promise<Map<string, Buffer> | undefined> {
  const namespace = sources.pod.metadata.namespace ?? '';
  const object = await sources.client.find(kind === 'secret' ? secrets : configMaps, { namespace, name });
  if (!object) {
    if (optional) return undefined;
    throw new Error(`${kind} "${name}" not found`);
  }
  const entries = (field: 'data' | 'binaryData') => Object.entries((object[field] ?? {}) as Record<string, string>);
  const encoding = kind === 'secret' ? 'base64' : 'utf8';
  return new Map([
    ...entries('data').map(([key, value]): [string, Buffer] => [key, Buffer.from(value, encoding)]),
    ...entries('binaryData').map(([key, value]): [string, Buffer] => [key, Buffer.from(value, 'base64')]),
  ]);
}

/** A field of the pod for the downward API. @throws Error for one that is not offered. */
export function fieldOf({ pod, podIp, hostIp }: Pick<EnvSources, 'pod' | 'podIp' | 'hostIp'>, path: string): string {
  const keyed = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path);
  if (keyed) return pod.metadata[keyed[1] === 'labels' ? 'labels' : 'annotations']?.[keyed[2] ?? ''] ?? '';
  const lines = (map: Record<string, string> = {}) =>
    Object.keys(map)
      .sort()
      .map((key) => `${key}=${JSON.stringify(map[key])}`)
      .join('\n');
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name;
    case 'metadata.namespace':
      return pod.metadata.namespace ?? '';
    case 'metadata.uid':
      return pod.metadata.uid ?? '';
    case 'metadata.labels':
      return lines(pod.metadata.labels);
    case 'metadata.annotations':
      return lines(pod.metadata.annotations);
    case 'spec.nodeName':
      return pod.spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return pod.spec?.serviceAccountName ?? '';
    case 'status.podIP':
    case 'status.podIPs':
      return podIp;
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIp;
    default:
      throw new Error(`unsupported fieldPath: ${path}`);
  }
}

/** A container's limit or request in units of the divisor, rounded up. */
export function resourceField(
  ref: ResourceFieldRef,
  container: Container,
  { pod, capacity }: Pick<EnvSources, 'pod' | 'capacity'>,
): string {
  const named = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find(
    (each) => each.name === ref.containerName,
  );
  const of = (ref.containerName ? named : container)?.resources ?? {};
  const [which, ...rest] = ref.resource.split('.');
  const resource = rest.join('.');
  const stated = (which === 'limits' ? of.limits : of.requests)?.[resource];
  const unlimited = which === 'limits' ? { cpu: capacity.cpu, memory: capacity.memory }[resource] : 0;
  const amount = stated === undefined ? (unlimited ?? 0) : quantityToNumber(parseQuantity(stated));
  const divisor = ref.divisor === undefined ? 1 : quantityToNumber(parseQuantity(ref.divisor)) || 1;
  // A hair is taken off first: 0.3 / 0.1 is a little more than 3 in binary.
  return String(Math.ceil(amount / divisor - 1e-9));
}

interface ServicePort {
  name?: string;
  port: number;
  protocol?: string;
}

/** REDIS_SERVICE_HOST, REDIS_SERVICE_PORT, and the variables of docker's links, as the kubelet sets them. */
function serviceVariables(services: readonly KubeObject[]): Map<string, string> {
  const variables = new Map<string, string>();
  for (const service of services) {
    const ip = service.spec?.['clusterIP'];
    const ports = (service.spec?.['ports'] ?? []) as ServicePort[];
    const [first] = ports;
    if (typeof ip !== 'string' || ip === '' || ip === 'None' || !first) continue;
    const name = service.metadata.name.toUpperCase().replaceAll('-', '_');
    variables.set(`${name}_SERVICE_HOST`, ip);
    variables.set(`${name}_SERVICE_PORT`, String(first.port));
    variables.set(`${name}_PORT`, `${(first.protocol ?? 'TCP').toLowerCase()}://${ip}:${first.port}`);
    for (const port of ports) {
      const protocol = port.protocol ?? 'TCP';
      if (port.name)
        variables.set(`${name}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      variables.set(prefix, `${protocol.toLowerCase()}://${ip}:${port.port}`);
      variables.set(`${prefix}_PROTO`, protocol.toLowerCase());
      variables.set(`${prefix}_PORT`, String(port.port));
      variables.set(`${prefix}_ADDR`, ip);
    }
  }
  return variables;
}
