import type { Informers } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { endpointSlices, services } from '../pod.ts';

export interface ServicePort {
  name?: string;
  port: number;
  protocol?: string;
  nodePort?: number;
}

/** Where a connection for a Service may go. */
export interface Target {
  address: string;
  port: number;
}

interface Slice {
  endpoints?: { addresses?: string[]; conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean } }[];
  ports?: { name?: string; port?: number; protocol?: string }[];
}

/** What Services there are and which endpoints are ready, from the informers. */
export interface Backends {
  service(namespace: string, name: string): KubeObject | undefined;
  /** Services of this name in any namespace. */
  named(name: string): KubeObject[];
  /** A port of a Service by number or name; without either the one an HTTP client would want. */
  portOf(service: KubeObject, wanted: { number?: number; name?: string } | undefined): ServicePort | undefined;
  /** The ready endpoints of a Service's port, in an order that turns with every call. */
  targets(service: KubeObject, port: ServicePort): Target[];
}

const byService = 'service';
const byName = 'name';

export function createBackends(informers: Informers): Backends {
  const serviceInformer = informers.for(services);
  const sliceInformer = informers.for(endpointSlices);
  serviceInformer.addIndex(byName, (object) => [object.metadata.name]);
  sliceInformer.addIndex(byService, (object) => [
    `${object.metadata.namespace}/${object.metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
  ]);
  let turn = 0;

  return {
    service: (namespace, name) => serviceInformer.get(`${namespace}/${name}`),
    named: (name) => serviceInformer.byIndex(byName, name),
    portOf(service, wanted) {
      const ports = portsOf(service).filter((port) => (port.protocol ?? 'TCP') === 'TCP');
      if (wanted?.number !== undefined) return ports.find((port) => port.port === wanted.number);
      if (wanted?.name !== undefined) return ports.find((port) => port.name === wanted.name);
      return ports.find((port) => port.name === 'http') ?? ports.find((port) => port.port === 80) ?? ports[0];
    },
    targets(service, port) {
      const found: Target[] = [];
      for (const object of sliceInformer.byIndex(byService, `${service.metadata.namespace}/${service.metadata.name}`)) {
        addReady(object as unknown as Slice, port, found);
      }
      if (found.length < 2) return found;
      turn = (turn + 1) % 0x7fffffff;
      const first = turn % found.length;
      return [...found.slice(first), ...found.slice(0, first)];
    },
  };
}

export function portsOf(service: KubeObject): ServicePort[] {
  return (service.spec?.['ports'] ?? []) as ServicePort[];
}

function addReady(slice: Slice, port: ServicePort, found: Target[]): void {
  const number = slice.ports?.find(
    (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === 'TCP',
  )?.port;
  if (number === undefined) return;
  for (const endpoint of slice.endpoints ?? []) {
    if (endpoint.conditions?.ready === false) continue;
    for (const address of endpoint.addresses ?? []) found.push({ address, port: number });
  }
}
