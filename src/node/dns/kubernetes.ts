import { isIP, isIPv4 } from 'node:net';
import type { KubeObject } from '../../machinery/index.ts';
import { type Answer, codes, type Query, type RawRecord, type ResourceRecord, types } from './message.ts';

/** What the zone is made from. */
export interface ZoneSource {
  /** Whether everything below is known yet: until then a name that is not found may still come. */
  ready(): boolean;
  namespaceExists(name: string): boolean;
  service(namespace: string, name: string): KubeObject | undefined;
  /** The EndpointSlices of a Service. */
  slices(namespace: string, name: string): readonly KubeObject[];
  /** The Service with this ClusterIP. */
  serviceAt(ip: string): KubeObject | undefined;
  /** EndpointSlices with this address among their endpoints. */
  slicesAt(ip: string): readonly KubeObject[];
  /** The address of the cluster's DNS, which the zone names as its server. */
  serverAddress(): string | undefined;
  /** Resolves a name outside the zone. Rejects when nobody answers. */
  lookup(name: string, type: number): Promise<readonly RawRecord[]>;
}

export const clusterDomain = 'cluster.local';
const serverName = `ns.dns.${clusterDomain}`;
/** Seconds that an answer may be kept (CoreDNS' kubernetes plugin). */
const ttl = 5;
const schemaVersion = { text: '1.1.0', ttl: 28_800 };
const longestChain = 7;

/** Something that a name of the zone stands for. */
interface Target {
  /** An address, or the name of an ExternalName. */
  host: string;
  port?: number | undefined;
  /** The name that an SRV record gives it. */
  owner: string;
}

interface Endpoint {
  addresses?: string[];
  conditions?: { ready?: boolean };
  hostname?: string;
}

interface Port {
  name?: string;
  protocol?: string;
  port?: number;
}

const nameError: Answer = { code: codes.nameError, authoritative: true, answers: [] };

/**
 * Answers for cluster.local and for the reverse zones as CoreDNS' kubernetes plugin does with `pods insecure`
 * (Kubernetes DNS specification 1.1.0). undefined is for others to answer: names that are not in the zone, and addresses
 * that are nobody's here.
 */
export async function answerForCluster(query: Query, source: ZoneSource): Promise<Answer | undefined> {
  const labels = query.labels.map((label) => label.toLowerCase());
  const address = reverseAddress(labels);
  if (address !== undefined) return answerReverse(query, address, source);
  if (!isBelow(labels)) return undefined;
  if (query.type === types.AXFR || query.type === types.IXFR)
    return { code: codes.refused, authoritative: false, answers: [] };
  const own = labels.slice(0, -clusterDomain.split('.').length);
  const records = await recordsOf(query, own, source);
  if (!records) return source.ready() ? withAuthority(nameError) : { ...nameError, code: codes.serverFailure };
  const answer: Answer = { code: codes.success, authoritative: true, ...records };
  return answer.answers.length > 0 ? answer : withAuthority(answer);
}

/** Whether a name is cluster.local or one below. */
export function isBelow(labels: readonly string[]): boolean {
  const [last, before] = [labels.at(-1), labels.at(-2)];
  return last === 'local' && before === 'cluster';
}

type Records = Pick<Answer, 'answers' | 'additional'>;
const none: Records = { answers: [] };

async function recordsOf(query: Query, own: readonly string[], source: ZoneSource): Promise<Records | undefined> {
  const name = query.labels.join('.');
  const server = source.serverAddress();
  if (own.length === 0) return apexRecords(query.type, name, server);
  if (query.type === types.TXT) {
    const isVersion = own.length === 1 && own[0] === 'dns-version';
    const data = { type: 'TXT', text: schemaVersion.text } as const;
    return { answers: isVersion ? [{ name, ttl: schemaVersion.ttl, data }] : [] };
  }
  if (own.join('.') === 'ns.dns') {
    return { answers: server && query.type === types.A ? [{ name, ttl, data: { type: 'A', address: server } }] : [] };
  }
  const targets = targetsOf(own, source);
  if (!targets) return undefined;
  switch (query.type) {
    case types.A:
    case types.AAAA:
      // Many clients take the first address there is: each answer has another one first.
      return addressRecords(query.type, name, turned(targets), source, []);
    case types.CNAME: {
      const alias = targets.find(({ host }) => isIP(host) === 0);
      return { answers: alias ? [{ name, ttl, data: { type: 'CNAME', target: alias.host } }] : [] };
    }
    case types.SRV:
      return serviceRecords(name, targets);
    default:
      return none;
  }
}

function apexRecords(type: number, name: string, server: string | undefined): Records {
  if (type === types.SOA) return { answers: [authority(name)] };
  if (type !== types.NS || !server) return none;
  return {
    answers: [{ name, ttl, data: { type: 'NS', target: serverName } }],
    additional: [{ name: serverName, ttl, data: { type: 'A', address: server } }],
  };
}

/**
 * What a name below cluster.local stands for: [], when it is there and has nothing; undefined when there is no such name.
 * SERVICE.NAMESPACE.svc, ENDPOINT.SERVICE.NAMESPACE.svc, _PORT._PROTOCOL.SERVICE.NAMESPACE.svc, IP-WITH-DASHES.NAMESPACE.pod
 */
function targetsOf(own: readonly string[], source: ZoneSource): Target[] | undefined {
  const [kind, namespace, name, ...more] = own.toReversed();
  if (kind !== 'svc' && kind !== 'pod') return undefined;
  if (namespace === undefined) return [];
  if (more.length > 2 || !source.namespaceExists(namespace)) return undefined;
  if (name === undefined) return [];
  if (kind === 'pod') return podTargets(namespace, name);
  const service = source.service(namespace, name);
  if (!service) return undefined;
  const owner = [name, namespace, 'svc', clusterDomain].join('.');
  const [protocolOrEndpoint, port] = more;
  const endpoint = port === undefined ? protocolOrEndpoint : undefined;
  const wanted =
    port === undefined ? undefined : { name: withoutUnderscore(port), protocol: withoutUnderscore(protocolOrEndpoint) };
  if (service.spec?.['type'] === 'ExternalName') {
    const host = String(service.spec['externalName'] ?? '').replace(/\.$/, '');
    // It has neither ports nor endpoints, and a name that looks like an address cannot be an alias.
    return more.length === 0 && isIP(host) === 0 ? [{ host, owner }] : undefined;
  }
  const found =
    service.spec?.['clusterIP'] === 'None' || endpoint !== undefined
      ? source.slices(namespace, name).flatMap((slice) => endpointTargets(slice, owner, endpoint, wanted))
      : clusterTargets(service, owner, wanted);
  return found.length > 0 ? found : undefined;
}

function turned<T>(all: readonly T[]): T[] {
  const first = Math.floor(Math.random() * all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}

const withoutUnderscore = (label = '') => label.replace(/^_/, '');

function podTargets(namespace: string, name: string): Target[] | undefined {
  const dashes = name.split('-').length - 1;
  const host = name.replaceAll('-', dashes === 3 && !name.includes('--') ? '.' : ':');
  return isIP(host) === 0 ? undefined : [{ host, owner: [name, namespace, 'pod', clusterDomain].join('.') }];
}

interface WantedPort {
  name: string;
  protocol: string;
}

function fits(port: Port, wanted: WantedPort | undefined): boolean {
  if (!wanted) return true;
  const same = (label: string, value: string) => label === '' || label === value.toLowerCase();
  return same(wanted.name, port.name ?? '') && same(wanted.protocol, port.protocol ?? 'TCP');
}

function clusterTargets(service: KubeObject, owner: string, wanted: WantedPort | undefined): Target[] {
  const addresses = (service.spec?.['clusterIPs'] ?? [service.spec?.['clusterIP']]) as (string | undefined)[];
  const ports = (service.spec?.['ports'] ?? []) as Port[];
  return ports
    .filter((port) => fits(port, wanted))
    .flatMap(({ port }) => addresses.filter((host) => host !== undefined).map((host) => ({ host, port, owner })));
}

function endpointTargets(
  slice: KubeObject,
  owner: string,
  wantedEndpoint: string | undefined,
  wantedPort: WantedPort | undefined,
): Target[] {
  const listed = (slice['ports'] ?? []) as Port[];
  // A headless Service may have no ports at all: its endpoints have names still.
  const ports = (listed.length > 0 ? listed : [{}]).filter((port) => fits(port, wantedPort));
  return endpointsOf(slice).flatMap((endpoint) =>
    (endpoint.addresses ?? []).flatMap((host) => {
      const name = endpointName(endpoint, host);
      if (wantedEndpoint !== undefined && wantedEndpoint !== name.toLowerCase()) return [];
      return ports.map(({ port }) => ({ host, port, owner: `${name}.${owner}` }));
    }),
  );
}

function endpointsOf(slice: KubeObject): Endpoint[] {
  return ((slice['endpoints'] ?? []) as Endpoint[]).filter(({ conditions }) => conditions?.ready !== false);
}

const endpointName = ({ hostname }: Endpoint, address: string) => hostname || address.replaceAll(/[.:]/g, '-');

/** Follows ExternalNames: within the zone, as long as there are addresses at the end; outside it by asking for them. */
async function addressRecords(
  type: number,
  name: string,
  targets: readonly Target[],
  source: ZoneSource,
  chain: readonly string[],
): Promise<Records> {
  const answers: (ResourceRecord | RawRecord)[] = [];
  const seen = new Set<string>();
  for (const { host } of targets) {
    if (seen.has(host)) continue;
    seen.add(host);
    if (isIP(host) !== 0) {
      const kind = isIPv4(host) ? 'A' : 'AAAA';
      if (types[kind] === type) answers.push({ name, ttl, data: { type: kind, address: host } });
    } else {
      answers.push(...(await aliasRecords(type, name, host, source, chain)));
    }
  }
  return { answers };
}

async function aliasRecords(
  type: number,
  name: string,
  target: string,
  source: ZoneSource,
  chain: readonly string[],
): Promise<(ResourceRecord | RawRecord)[]> {
  const labels = target.toLowerCase().split('.');
  if ([...chain, name.toLowerCase()].includes(labels.join('.')) || chain.length > longestChain) return [];
  const alias: ResourceRecord = { name, ttl, data: { type: 'CNAME', target } };
  if (!isBelow(labels)) {
    try {
      return [alias, ...(await source.lookup(target, type))];
    } catch {
      return []; // Nobody could be asked. An alias without an address would be taken for "it has none".
    }
  }
  const next = targetsOf(labels.slice(0, -clusterDomain.split('.').length), source) ?? [];
  const { answers } = await addressRecords(type, target, next, source, [...chain, name.toLowerCase()]);
  return answers.length > 0 ? [alias, ...answers] : [];
}

function serviceRecords(name: string, targets: readonly Target[]): Records {
  const addressed = targets.filter(({ host }) => isIP(host) !== 0);
  const weight = Math.max(1, Math.floor(100 / Math.max(1, addressed.length)));
  const answers = new Map<string, ResourceRecord>();
  const additional = new Map<string, ResourceRecord>();
  for (const { host, port, owner } of addressed) {
    if (port === undefined) continue;
    answers.set(`${owner}:${port}`, { name, ttl, data: { type: 'SRV', priority: 0, weight, port, target: owner } });
    const data = { type: isIPv4(host) ? ('A' as const) : ('AAAA' as const), address: host };
    additional.set(`${owner} ${host}`, { name: owner, ttl, data });
  }
  return { answers: [...answers.values()], additional: [...additional.values()] };
}

/** 10.96.0.1 for 1.0.96.10.in-addr.arpa, and the same for ip6.arpa. */
function reverseAddress(labels: readonly string[]): string | undefined {
  const name = labels.join('.');
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name);
  if (four) return four.slice(1).reverse().join('.');
  if (!/^(?:[0-9a-f]\.){32}ip6\.arpa$/.test(name)) return undefined;
  return labels
    .slice(0, 32)
    .reverse()
    .join('')
    .replaceAll(/(.{4})(?!$)/g, '$1:');
}

/** Only what is known is answered: who has another address, the machine's resolvers may know. */
function answerReverse(query: Query, address: string, source: ZoneSource): Answer | undefined {
  const names = reverseNames(address, source);
  if (names.length === 0 || query.type !== types.PTR) return undefined;
  const name = query.labels.join('.');
  const answers = names.map((target): ResourceRecord => ({ name, ttl, data: { type: 'PTR', target } }));
  return { code: codes.success, authoritative: true, answers };
}

function reverseNames(address: string, source: ZoneSource): string[] {
  const service = source.serviceAt(address);
  if (service) return [[service.metadata.name, service.metadata.namespace, 'svc', clusterDomain].join('.')];
  return source.slicesAt(address).flatMap((slice) => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    const endpoints = endpointsOf(slice).filter(({ addresses }) => addresses?.includes(address));
    return name === undefined
      ? []
      : endpoints.map((endpoint) =>
          [endpointName(endpoint, address), name, slice.metadata.namespace, 'svc', clusterDomain].join('.'),
        );
  });
}

const withAuthority = (answer: Answer): Answer => ({ ...answer, authority: [authority(clusterDomain)] });

function authority(name: string): ResourceRecord {
  const serial = Math.floor(Date.now() / 1000);
  const data = {
    type: 'SOA',
    server: serverName,
    mailbox: `hostmaster.${clusterDomain}`,
    serial,
    minimum: ttl,
  } as const;
  return { name, ttl, data };
}
