import { isFinished, isReady, lastingContainers } from '../pods.ts';
import type { Pod, Service, ServicePort } from '../types.ts';

/** A port as EndpointSlices and Endpoints list it: the number that the pods listen on. */
export interface BackendPort {
  name: string;
  port: number;
  protocol: string;
  appProtocol?: string;
}

export type Family = 'IPv4' | 'IPv6';

/** One pod behind a service, with the conditions of a discovery/v1 Endpoint. */
export interface Backend {
  pod: Pod;
  /** The pod's addresses; those of a family that the service does not have play no role. */
  ips: readonly string[];
  /** The zone of the node that the pod runs on. */
  zone: string | undefined;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/** Backends whose pods listen on the same ports. Pods may give one name to different port numbers. */
export interface BackendGroup {
  ports: BackendPort[];
  backends: Backend[];
}

/** The zone of a node; undefined if it has none. */
export type ZoneOf = (node: string) => string | undefined;

/** The families of a service's addresses, the first of them the main one. */
export function familiesOf({ spec }: Service): readonly Family[] {
  const { ipFamilies = [], clusterIP = '' } = spec ?? {};
  return ipFamilies.length > 0 ? ipFamilies : [familyOf(clusterIP)];
}

export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** The pods behind a service, grouped by the ports that its target ports stand for in them; groups and pods in order of name. */
export function backendGroups(
  service: Service,
  pods: readonly Pod[],
  zoneOf: ZoneOf = () => undefined,
): BackendGroup[] {
  const groups = new Map<string, BackendGroup>();
  for (const pod of pods.toSorted(byName)) {
    const ips = ipsOf(pod);
    if (ips.length === 0 || isFinished(pod)) continue;
    const ports = portsIn(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, backends: [] };
    group.backends.push(backendOf(service, pod, ips, zoneOf(pod.spec?.nodeName ?? '')));
    groups.set(key, group);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function ipsOf({ status }: Pod): string[] {
  const { podIP, podIPs = podIP ? [{ ip: podIP }] : [] } = status ?? {};
  return podIPs.map(({ ip }) => ip);
}

function backendOf(service: Service, pod: Pod, ips: readonly string[], zone: string | undefined): Backend {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const ready = (service.spec?.publishNotReadyAddresses ?? false) || (serving && !terminating);
  return { pod, ips, zone, ready, serving, terminating };
}

function portsIn(service: Service, pod: Pod): BackendPort[] {
  const ports: BackendPort[] = [];
  for (const wanted of service.spec?.ports ?? []) {
    const port = targetPort(wanted, pod);
    if (port === undefined) continue;
    const { name = '', protocol = 'TCP', appProtocol } = wanted;
    ports.push({ name, port, protocol, ...(appProtocol ? { appProtocol } : {}) });
  }
  return ports;
}

/** A named target port is the number that a container of the pod gives that name, for the same protocol. */
function targetPort({ targetPort: target, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (target === undefined || target === 0) return port;
  if (typeof target === 'number') return target;
  for (const container of lastingContainers(pod)) {
    const found = container.ports?.find((each) => each.name === target && (each.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

function byName(a: Pod, b: Pod): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
