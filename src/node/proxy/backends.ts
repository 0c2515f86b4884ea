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

interface Endpoint {
  addresses?: string[];
  conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  nodeName?: string;
}

interface Slice {
  endpoints?: Endpoint[];
  ports?: { name?: string; port?: number; protocol?: string }[];
}

/** What Services there are and which endpoints are ready, from the informers. */
export interface Backends {
  service(namespace: string, name: string): KubeObject | undefined;
  /** Services of this name in any namespace. */
  named(name: string): KubeObject[];
  /** A port of a Service by number or name; without either the one an HTTP client would want. */
  portOf(service: KubeObject, wanted: { number?: number; name?: string } | undefined): ServicePort | undefined;
  /**
   * The endpoints that a Service's port has, in an order that turns with every call: the ready ones, or, while there are
   * none, those that still serve although they are going (as kube-proxy has it).
   * @param node only endpoints on this node count.
   */
  targets(service: KubeObject, port: ServicePort, node?: string): Target[];
}

const byName = 'name';

export function createBackends(informers: Informers): Backends {
  const serviceInformer = informers.for(services);
  const slicesOf = slicesByService(informers);
  serviceInformer.addIndex(byName, (object) => [object.metadata.name]);
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
    targets(service, port, node) {
      const slices = slicesOf(`${service.metadata.namespace}/${service.metadata.name}`);
      const those = (passes: (endpoint: Endpoint) => boolean) =>
        slices.flatMap((slice) =>
          targetsOf(slice as unknown as Slice, port, (each) => passes(each) && (!node || each.nodeName === node)),
        );
      const ready = those(({ conditions }) => conditions?.ready !== false);
      const found =
        ready.length > 0 ? ready : those(({ conditions }) => !!conditions?.serving && !!conditions.terminating);
      if (found.length < 2) return found;
      turn = (turn + 1) % 0x7fffffff;
      const first = turn % found.length;
      return [...found.slice(first), ...found.slice(0, first)];
    },
  };
}

const byService = 'service';

/** Finds the EndpointSlices of a Service by its 'NAMESPACE/NAME'. */
export function slicesByService(informers: Informers): (service: string) => KubeObject[] {
  const informer = informers.for(endpointSlices);
  informer.addIndex(byService, (slice) => [serviceOfSlice(slice)]);
  return (service) => informer.byIndex(byService, service);
}

/** 'NAMESPACE/NAME' of the Service that an EndpointSlice belongs to. */
export function serviceOfSlice({ metadata }: KubeObject): string {
  return `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
}

export function portsOf(service: KubeObject): ServicePort[] {
  return (service.spec?.['ports'] ?? []) as ServicePort[];
}

function targetsOf(slice: Slice, port: ServicePort, passes: (endpoint: Endpoint) => boolean): Target[] {
  const number = slice.ports?.find(
    (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )?.port;
  if (number === undefined) return [];
  return (slice.endpoints ?? [])
    .filter(passes)
    .flatMap(({ addresses = [] }) => addresses.map((address) => ({ address, port: number })));
}
