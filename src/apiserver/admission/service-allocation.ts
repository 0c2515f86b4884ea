import { randomInt } from 'node:crypto';
import {
  ApiError,
  type Fields,
  invalid,
  invalidValue,
  type KubeObject,
  type StatusCause,
} from '../../machinery/index.ts';
import type { Key, Store } from '../store/store.ts';
import type { AdmissionRequest, Flight } from './request.ts';
import { parseServiceRange } from './service-range.ts';

const SERVICES = { group: '', resource: 'services' };
const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2_768;

interface ServicePort extends Fields {
  name?: string;
  port: number;
  protocol?: string;
  nodePort?: number;
}

/** What is in use by stored Services (kept current by the watch cache), or asked for by writes on their way. */
interface Pool<T> {
  /** Whether somebody else than the write `flight` has the value. */
  taken(value: T, flight: Flight): boolean;
  /** Takes a value for the Service of a write that may still fail. */
  reserve(value: T, owner: Key, flight: Flight): void;
  add(value: T): void;
  release(value: T): void;
}

/** @param holds whether a Service, as the last write left it, has a value: the write that asked for it may have failed. */
function createPool<T>(holds: (owner: Key, value: T) => boolean): Pool<T> {
  const used = new Set<T>();
  const reserved = new Map<T, { owner: Key; flight: Flight }>();
  return {
    taken(value, flight) {
      if (used.has(value)) return true;
      const reservation = reserved.get(value);
      if (!reservation || reservation.flight === flight) return false;
      if (!reservation.flight.over || holds(reservation.owner, value)) return true;
      reserved.delete(value);
      return false;
    },
    reserve: (value, owner, flight) => reserved.set(value, { owner, flight }),
    add(value) {
      used.add(value);
      reserved.delete(value);
    },
    release: (value) => used.delete(value),
  };
}

const keyOf = ({ metadata }: KubeObject): Key => ({ namespace: metadata.namespace ?? '', name: metadata.name });
const portsOf = (service: KubeObject | undefined): ServicePort[] =>
  (service?.spec?.['ports'] as ServicePort[] | undefined) ?? [];
const addressOf = (service: KubeObject | undefined): string => String(service?.spec?.['clusterIP'] ?? '');
const nodePortsOf = (service: KubeObject | undefined): number[] =>
  portsOf(service).flatMap((port) => (port.nodePort ? [port.nodePort] : []));

/** Gives Services their cluster IPs and node ports. The Services themselves are the record of what is given away. */
export function createServiceAllocator(store: Store, cidr: string): { admit(request: AdmissionRequest): void } {
  const range = parseServiceRange(cidr);
  let pools: { addresses: Pool<string>; nodePorts: Pool<number> } | undefined;

  function loadedPools(): { addresses: Pool<string>; nodePorts: Pool<number> } {
    if (pools) return pools;
    const latest = (owner: Key): KubeObject | undefined => store.latest(SERVICES, owner)?.object;
    const addresses = createPool<string>((owner, address) => addressOf(latest(owner)) === address);
    const nodePorts = createPool<number>((owner, port) => nodePortsOf(latest(owner)).includes(port));
    const add = (service: KubeObject): void => {
      if (range.contains(addressOf(service))) addresses.add(addressOf(service));
      for (const port of nodePortsOf(service)) nodePorts.add(port);
    };
    const cache = store.cache(SERVICES);
    for (const entry of cache.entries.from(undefined)) add(entry.object);
    cache.onChange(({ type, entry, previous }) => {
      if (previous) {
        addresses.release(addressOf(previous.object));
        for (const port of nodePortsOf(previous.object)) nodePorts.release(port);
      }
      if (type !== 'DELETED') add(entry.object);
    });
    pools = { addresses, nodePorts };
    return pools;
  }

  function anyAddress(taken: (ip: string) => boolean): string {
    for (let attempt = 0; attempt < 64; attempt++) {
      const ip = range.address(randomInt(1, range.size));
      if (!taken(ip)) return ip;
    }
    for (let offset = 1; offset < range.size; offset++) {
      if (!taken(range.address(offset))) return range.address(offset);
    }
    throw new ApiError(500, 'InternalError', `failed to allocate a serviceIP: range is full (${range.cidr})`);
  }

  function allocateAddress({ object: service, old, dryRun, flight }: AdmissionRequest, spec: Fields): void {
    const { addresses } = loadedPools();
    const taken = (address: string): boolean => addresses.taken(address, flight);
    const wanted = String(spec['clusterIP'] || (spec['clusterIPs'] as string[] | undefined)?.[0] || '');
    let address = wanted || addressOf(old);
    if (address === '') address = anyAddress(taken);
    else if (address !== 'None' && address !== addressOf(old)) checkAddress(service, address, taken);
    if (address !== 'None' && !dryRun) addresses.reserve(address, keyOf(service), flight);
    spec['clusterIP'] = address;
    spec['clusterIPs'] ??= [address];
    spec['ipFamilies'] ??= ['IPv4'];
    spec['ipFamilyPolicy'] ??= 'SingleStack';
  }

  function checkAddress(service: KubeObject, address: string, taken: (ip: string) => boolean): void {
    const refuse = (why: string): never => {
      throw invalid({ group: '', kind: 'Service' }, service.metadata.name, [
        invalidValue('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`),
      ]);
    };
    if (!range.contains(address))
      refuse(`the provided IP (${address}) is not in the valid range. The range of valid IPs is ${range.cidr}`);
    if (taken(address)) refuse('provided IP is already allocated');
  }

  function allocateNodePorts({ object: service, old, dryRun, flight }: AdmissionRequest): void {
    const { nodePorts } = loadedPools();
    const taken = (port: number): boolean => nodePorts.taken(port, flight);
    const before = portsOf(old);
    const held = new Set(nodePortsOf(old));
    const own = new Set(nodePortsOf(service));
    const errors: StatusCause[] = [];
    portsOf(service).forEach((port, index) => {
      const same = before.find(
        (other) => other.port === port.port && (other.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
      );
      port.nodePort ||= same?.nodePort ?? 0;
      if (port.nodePort === 0) port.nodePort = anyNodePort((candidate) => own.has(candidate) || taken(candidate));
      else if (!held.has(port.nodePort)) {
        const error = nodePortError(port.nodePort, taken);
        if (error) {
          errors.push(invalidValue(`spec.ports[${index}].nodePort`, port.nodePort, error));
          return;
        }
      }
      own.add(port.nodePort);
      if (!dryRun) nodePorts.reserve(port.nodePort, keyOf(service), flight);
    });
    if (errors.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata.name, errors);
  }

  return {
    admit(request) {
      const { registration, subresource, object } = request;
      const { served } = registration;
      if (served.group !== '' || served.resource !== 'services' || subresource !== undefined) return;
      const spec = object.spec;
      if (!spec) return;
      const type = spec['type'] ?? 'ClusterIP';
      if (type === 'ExternalName') return;
      allocateAddress(request, spec);
      if (type === 'NodePort' || (type === 'LoadBalancer' && spec['allocateLoadBalancerNodePorts'] !== false)) {
        allocateNodePorts(request);
      } else for (const port of portsOf(object)) delete port.nodePort;
    },
  };
}

function nodePortError(port: number, taken: (port: number) => boolean): string | undefined {
  if (port < FIRST_NODE_PORT || port >= FIRST_NODE_PORT + NODE_PORTS) {
    return `provided port is not in the valid range. The range of valid ports is ${FIRST_NODE_PORT}-${FIRST_NODE_PORT + NODE_PORTS - 1}`;
  }
  return taken(port) ? 'provided port is already allocated' : undefined;
}

function anyNodePort(taken: (port: number) => boolean): number {
  const start = randomInt(NODE_PORTS);
  for (let step = 0; step < NODE_PORTS; step++) {
    const port = FIRST_NODE_PORT + ((start + step) % NODE_PORTS);
    if (!taken(port)) return port;
  }
  throw new ApiError(500, 'InternalError', 'failed to allocate a nodePort: range is full');
}
