import { randomInt } from 'node:crypto';
import {
  ApiError,
  type Fields,
  forbiddenValue,
  internalError,
  invalid,
  invalidValue,
  type KubeObject,
} from '../../machinery/index.ts';
import { numberAt, objectsAt, textAt, textsAt } from '../kinds/fields.ts';
import { getsNodePorts, needsHealthCheck, normalAddress, settleFamilies, usesNodePorts } from '../kinds/index.ts';
import type { Key, Store } from '../store/store.ts';
import type { AdmissionRequest } from './request.ts';
import { createPool, type Pool } from './service-pool.ts';
import { parseServiceRange } from './service-range.ts';

const SERVICES = { group: '', resource: 'services' };
const FIRST_NODE_PORT = 30_000;
const NODE_PORTS = 2_768;
/** The first node ports are only given away when there are no others: they are for those who choose their own. */
const CHOSEN_NODE_PORTS = 86;

interface Pools {
  readonly addresses: Pool<string>;
  readonly nodePorts: Pool<number>;
}

const keyOf = ({ metadata }: KubeObject): Key => ({ namespace: metadata.namespace ?? '', name: metadata.name });
const addressOf = (service: KubeObject | undefined): string => normalAddress(textAt(service?.spec, 'clusterIP'));

/** The node ports of a service: those of its ports, and that of its health check. */
function nodePortsOf(service: KubeObject | undefined): number[] {
  const ports = objectsAt(service?.spec, 'ports').map((port) => numberAt(port, 'nodePort'));
  return [...ports, numberAt(service?.spec, 'healthCheckNodePort')].flatMap((port) => port || []);
}

const refused = (service: KubeObject, field: string, value: unknown, why: string): ApiError =>
  invalid({ group: '', kind: 'Service' }, service.metadata.name, [invalidValue(field, value, why)]);

/** Gives Services their cluster IPs and node ports. The Services themselves are the record of what is given away. */
export function createServiceAllocator(store: Store, cidr: string): { admit(request: AdmissionRequest): void } {
  const range = parseServiceRange(cidr);
  let pools: Pools | undefined;

  function loadedPools(): Pools {
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
      const ip = range.address(randomInt(range.chosen, range.size));
      if (!taken(ip)) return ip;
    }
    for (let offset = range.size - 1; offset > 0; offset--) {
      if (!taken(range.address(offset))) return range.address(offset);
    }
    throw internalError(`failed to allocate a serviceIP: range is full (${range.cidr})`);
  }

  function allocateAddress({ object: service, old, dryRun, flight }: AdmissionRequest, spec: Fields): void {
    const given = textsAt(spec, 'clusterIPs');
    const [address = ''] = given;
    const before = textAt(old?.spec, 'clusterIP');
    // An update moves no service but an ExternalName; validation says so.
    if (address === 'None' || (before !== '' && old?.spec?.['type'] !== 'ExternalName')) return;
    const { addresses } = loadedPools();
    const taken = (ip: string): boolean => addresses.taken(ip, flight);
    const wanted = address === '' ? anyAddress(taken) : normalAddress(address);
    const why = address === '' ? undefined : addressError(wanted, taken);
    if (why) throw refused(service, 'spec.clusterIPs', given, `failed to allocate IP ${address}: ${why}`);
    if (!dryRun) addresses.reserve(wanted, keyOf(service), flight);
    spec['clusterIP'] = address || wanted;
    spec['clusterIPs'] = [spec['clusterIP'], ...given.slice(1)];
  }

  function addressError(address: string, taken: (ip: string) => boolean): string | undefined {
    if (!range.contains(address)) return 'the provided network does not match the current range';
    return taken(address) ? 'provided IP is already allocated' : undefined;
  }

  return {
    admit(request) {
      const { registration, subresource, object, old } = request;
      const { served } = registration;
      if (served.group !== '' || served.resource !== 'services' || subresource !== undefined) return;
      const { spec } = object;
      if (!spec) return;
      const errors = settleFamilies(spec, old?.spec);
      if (errors.length > 0) throw invalid({ group: '', kind: 'Service' }, object.metadata.name, errors);
      if (spec['type'] !== 'ExternalName') allocateAddress(request, spec);
      if (usesNodePorts(spec)) allocateNodePorts(request, spec, loadedPools().nodePorts);
    },
  };
}

/** What a write can take of the node ports, each at most once. */
interface NodePorts {
  /** Takes one that the client chose; returns why it cannot be had. */
  take(port: number): string | undefined;
  takeAny(): number;
}

function nodePortsFor({ object, old, dryRun, flight }: AdmissionRequest, pool: Pool<number>): NodePorts {
  const held = new Set(nodePortsOf(old));
  const mine = new Set<number>();
  const isTaken = (port: number): boolean => mine.has(port) || pool.taken(port, flight);
  const add = (port: number): number => {
    mine.add(port);
    if (!dryRun) pool.reserve(port, keyOf(object), flight);
    return port;
  };
  return {
    take(port) {
      if (held.has(port)) return undefined;
      const last = FIRST_NODE_PORT + NODE_PORTS - 1;
      if (port < FIRST_NODE_PORT || port > last) {
        return `provided port is not in the valid range. The range of valid ports is ${FIRST_NODE_PORT}-${last}`;
      }
      if (isTaken(port)) return 'provided port is already allocated';
      add(port);
      return undefined;
    },
    takeAny: () => add(anyNodePort((port) => held.has(port) || isTaken(port))),
  };
}

function allocateNodePorts(request: AdmissionRequest, spec: Fields, pool: Pool<number>): void {
  const nodePorts = nodePortsFor(request, pool);
  if (request.old) updateNodePorts(request.object, spec, nodePorts);
  else newNodePorts(request.object, spec, nodePorts);
  if (needsHealthCheck(spec)) allocateHealthCheck(request, spec, nodePorts);
}

/** Ports of a new service that have one number (of two protocols) have one node port, too. */
function newNodePorts(service: KubeObject, spec: Fields, nodePorts: NodePorts): void {
  const shared = new Map<number, number>();
  const ports = objectsAt(spec, 'ports');
  ports.forEach((port, index) => {
    const number = numberAt(port, 'port') ?? 0;
    let wanted = numberAt(port, 'nodePort') ?? 0;
    if (wanted === 0 && !getsNodePorts(spec)) return;
    const known = shared.get(number);
    if (known !== undefined && (wanted === 0 || wanted === known)) {
      port['nodePort'] = known;
      return;
    }
    if (known === undefined)
      wanted =
        numberAt(
          ports.find((other) => other['port'] === number && other['nodePort']),
          'nodePort',
        ) ?? 0;
    if (wanted === 0) port['nodePort'] = nodePorts.takeAny();
    else takeChosen(service, index, port, wanted, nodePorts);
    if (known === undefined) shared.set(number, numberAt(port, 'nodePort') ?? 0);
  });
}

function takeChosen(service: KubeObject, index: number, port: Fields, wanted: number, nodePorts: NodePorts): void {
  const why = nodePorts.take(wanted);
  if (why) throw refused(service, `spec.ports[${index}].nodePort`, wanted, why);
  port['nodePort'] = wanted;
}

function updateNodePorts(service: KubeObject, spec: Fields, nodePorts: NodePorts): void {
  const seen = new Set<string>();
  const numbers = new Set<number>();
  objectsAt(spec, 'ports').forEach((port, index) => {
    const wanted = numberAt(port, 'nodePort') ?? 0;
    if (wanted === 0 && !getsNodePorts(spec)) return;
    if (wanted === 0) port['nodePort'] = nodePorts.takeAny();
    else if (!numbers.has(wanted)) takeChosen(service, index, port, wanted, nodePorts);
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    const key = `${textAt(port, 'protocol')} ${nodePort}`;
    if (seen.has(key)) throw new ApiError(500, '', `duplicate nodePort: {${key}}`);
    seen.add(key);
    numbers.add(nodePort);
  });
}

function allocateHealthCheck({ object, old }: AdmissionRequest, spec: Fields, nodePorts: NodePorts): void {
  const wanted = numberAt(spec, 'healthCheckNodePort') ?? 0;
  if (old?.spec && needsHealthCheck(old.spec)) {
    const before = numberAt(old.spec, 'healthCheckNodePort');
    if (wanted === before) return;
    throw invalid({ group: '', kind: 'Service' }, object.metadata.name, [
      forbiddenValue('spec.healthCheckNodePort', 'field is immutable'),
    ]);
  }
  if (wanted === 0) {
    spec['healthCheckNodePort'] = nodePorts.takeAny();
    return;
  }
  const why = nodePorts.take(wanted);
  if (!why) return;
  throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${why}`);
}

function anyNodePort(taken: (port: number) => boolean): number {
  const dynamic = NODE_PORTS - CHOSEN_NODE_PORTS;
  const start = randomInt(dynamic);
  for (let step = 0; step < NODE_PORTS; step++) {
    // Beyond the last come the first, from the highest down.
    const offset = step < dynamic ? CHOSEN_NODE_PORTS + ((start + step) % dynamic) : NODE_PORTS - 1 - step;
    if (!taken(FIRST_NODE_PORT + offset)) return FIRST_NODE_PORT + offset;
  }
  throw internalError('failed to allocate a nodePort: range is full');
}
