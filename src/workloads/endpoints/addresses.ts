import { isFinished, isReady } from '../pods.ts';
import type { Pod, Service, ServicePort } from '../types.ts';

/** A port as EndpointSlices and Endpoints list it: the number that the pods listen on. */
export interface BackendPort {
  name: string;
  port: number;
  protocol: string;
  appProtocol?: string;
}

/** One pod behind a service, with the conditions of a discovery/v1 Endpoint. */
export interface Backend {
  pod: Pod;
  ip: string;
  ready: boolean;
  serving: boolean;
  terminating: boolean;
}

/** Backends whose pods listen on the same ports. Pods may give one name to different port numbers. */
export interface BackendGroup {
  ports: BackendPort[];
  backends: Backend[];
}

/** The pods behind a service, grouped by the ports that its target ports stand for in them; groups and pods in order of name. */
export function backendGroups(service: Service, pods: readonly Pod[]): BackendGroup[] {
  const groups = new Map<string, BackendGroup>();
  for (const pod of pods.toSorted(byName)) {
    const ip = pod.status?.podIP;
    if (!ip || isFinished(pod)) continue;
    const ports = portsIn(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, backends: [] };
    group.backends.push(backendOf(service, pod, ip));
    groups.set(key, group);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

function backendOf(service: Service, pod: Pod, ip: string): Backend {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isReady(pod);
  const ready = (service.spec?.publishNotReadyAddresses ?? false) || (serving && !terminating);
  return { pod, ip, ready, serving, terminating };
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
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars(pod)]) {
    const found = container.ports?.find((each) => each.name === target && (each.protocol ?? 'TCP') === protocol);
    if (found) return found.containerPort;
  }
  return undefined;
}

function sidecars(pod: Pod) {
  return (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
}

function byName(a: Pod, b: Pod): number {
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
