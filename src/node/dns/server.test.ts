// The server as a client sees it: Node's resolver, and bytes that no resolver sends.
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { fakeInformers } from '../fakes.testing.ts';
import { endpointSlices, namespaces, services } from '../pod.ts';
import { codes, readQuery, readResponse } from './message.ts';
import { createDnsServer, type DnsServer } from './server.ts';
import { informerSource } from './source.ts';
import { createUpstream } from './upstream.ts';
import { writeAnswer } from './write-message.ts';

const informers = fakeInformers();
const resolver = new Resolver({ timeout: 2_000, tries: 1 });
let dns: DnsServer;
const stops: (() => void)[] = [];

/** A DNS server on loopback, over UDP and TCP at the same port. */
async function serve(server: Pick<DnsServer, 'datagram' | 'connection'>): Promise<number> {
  const stream = createServer({ allowHalfOpen: true }, server.connection);
  stream.listen(0, '127.0.0.1');
  await once(stream, 'listening');
  const { port } = stream.address() as AddressInfo;
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, from) => {
    void server.datagram(message).then((answer) => answer && datagrams.send(answer, from.port, from.address));
  });
  datagrams.bind(port, '127.0.0.1');
  await once(datagrams, 'listening');
  stops.push(
    () => datagrams.close(),
    () => void stream.close(),
  );
  return port;
}

function service(name: string, spec: object, namespace = 'shop'): void {
  informers.put(services, { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ...spec } });
}

function slice(name: string, endpoints: object[], ports: object[] | null): void {
  const labels = { 'kubernetes.io/service-name': name };
  const metadata = { name, namespace: 'shop', labels };
  informers.put(endpointSlices, {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata },
    ...{ endpoints, ports },
  } as KubeObject);
}

beforeAll(async () => {
  informers.put(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const web = [
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  service('web', { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'], ports: web });
  service('db', { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'sql', port: 5432 }] });
  slice(
    'db',
    [
      { addresses: ['10.244.0.5'], hostname: 'db-0', conditions: { ready: true } },
      { addresses: ['10.244.0.6'], conditions: { ready: true } },
      { addresses: ['10.244.0.7'], hostname: 'db-2', conditions: { ready: false } },
    ],
    [{ name: 'sql', port: 5432, protocol: 'TCP' }],
  );
  service('empty', { clusterIP: 'None', ports: [{ port: 80 }] });
  service('portless', { clusterIP: 'None' });
  slice('portless', [{ addresses: ['10.244.0.8'], hostname: 'one' }], null);
  service('alias', { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' });
  service('outside', { type: 'ExternalName', externalName: 'example.org' });
  service('address', { type: 'ExternalName', externalName: '192.0.2.1' });
  service('round', { type: 'ExternalName', externalName: 'round.shop.svc.cluster.local' });
  service('many', { clusterIP: 'None', ports: [{ port: 80 }] });
  const addresses = Array.from({ length: 200 }, (_, at) => ({ addresses: [`10.244.1.${at + 1}`] }));
  slice('many', addresses, [{ port: 80 }]);
  /** Knows example.org, says that nothing else is there, and has too much to say about big.example.org. */
  const outside = createDnsServer(
    {
      ready: () => true,
      namespaceExists: () => false,
      service: () => undefined,
      slices: () => [],
      serviceAt: () => undefined,
      slicesAt: () => [],
      serverAddress: () => undefined,
      lookup: async () => [],
    },
    {
      lookup: async () => [],
      async forward(message, transport) {
        const query = readQuery(message);
        const name = query.labels.join('.').toLowerCase();
        const count = name === 'example.org' ? 1 : name === 'big.example.org' ? 100 : 0;
        const answers = Array.from({ length: query.type === 1 ? count : 0 }, (_, at) => ({
          ...{ name, ttl: 60, data: { type: 'A' as const, address: `203.0.113.${at + 1}` } },
        }));
        const code = count > 0 ? codes.success : codes.nameError;
        return writeAnswer(query, { code, authoritative: false, answers }, transport === 'udp' ? 512 : 65_535);
      },
    },
  );
  const gone = { address: '127.0.0.1', port: 1 };
  const upstream = createUpstream(async () => [gone, { address: '127.0.0.1', port: await outsidePort }]);
  const outsidePort = serve(outside);
  dns = createDnsServer(
    informerSource(informers, { serverAddress: () => '10.96.0.10', lookup: upstream.lookup }),
    upstream,
  );
  resolver.setServers([`127.0.0.1:${await serve(dns)}`]);
});
afterAll(() => {
  for (const stop of stops) stop();
});

const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );

test('a Service answers with its ClusterIP, and by the names of its ports', async () => {
  expect(await resolver.resolve4('web.shop.svc.cluster.local', { ttl: true })).toEqual([
    { address: '10.96.0.20', ttl: 5 },
  ]);
  expect(await resolver.resolve4('WEB.Shop.svc.CLUSTER.local')).toEqual(['10.96.0.20']);
  expect(await resolver.resolveSrv('_http._tcp.web.shop.svc.cluster.local')).toEqual([
    { name: 'web.shop.svc.cluster.local', port: 80, priority: 0, weight: 100, type: 'SRV' },
  ]);
  expect(await resolver.resolveSrv('web.shop.svc.cluster.local')).toEqual([
    { name: 'web.shop.svc.cluster.local', port: 80, priority: 0, weight: 50, type: 'SRV' },
    { name: 'web.shop.svc.cluster.local', port: 53, priority: 0, weight: 50, type: 'SRV' },
  ]);
  expect(await resolver.resolve4('_dns._udp.web.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
  expect(await failure(resolver.resolveSrv('_dns._tcp.web.shop.svc.cluster.local'))).toBe('ENOTFOUND');
});

test('a headless Service answers with its ready endpoints, each under a name of its own', async () => {
  expect((await resolver.resolve4('db.shop.svc.cluster.local')).sort()).toEqual(['10.244.0.5', '10.244.0.6']);
  expect(await resolver.resolve4('db-0.db.shop.svc.cluster.local')).toEqual(['10.244.0.5']);
  expect(await resolver.resolve4('10-244-0-6.db.shop.svc.cluster.local')).toEqual(['10.244.0.6']);
  expect(await failure(resolver.resolve4('db-2.db.shop.svc.cluster.local'))).toBe('ENOTFOUND');
  expect(await resolver.resolveSrv('_sql._tcp.db.shop.svc.cluster.local')).toEqual([
    { name: 'db-0.db.shop.svc.cluster.local', port: 5432, priority: 0, weight: 50, type: 'SRV' },
    { name: '10-244-0-6.db.shop.svc.cluster.local', port: 5432, priority: 0, weight: 50, type: 'SRV' },
  ]);
  expect(await resolver.resolve4('one.portless.shop.svc.cluster.local')).toEqual(['10.244.0.8']);
  expect(await failure(resolver.resolve4('empty.shop.svc.cluster.local'))).toBe('ENOTFOUND');
});

test('addresses have names, and pods have names made of their addresses', async () => {
  expect(await resolver.reverse('10.96.0.20')).toEqual(['web.shop.svc.cluster.local']);
  expect(await resolver.reverse('10.244.0.5')).toEqual(['db-0.db.shop.svc.cluster.local']);
  expect(await failure(resolver.reverse('10.244.0.7'))).toBe('ENOTFOUND');
  expect(await resolver.resolve4('10-244-9-9.shop.pod.cluster.local')).toEqual(['10.244.9.9']);
  expect(await failure(resolver.resolve4('10-244-9-9.nowhere.pod.cluster.local'))).toBe('ENOTFOUND');
  expect(await failure(resolver.resolve4('a-pod.shop.pod.cluster.local'))).toBe('ENOTFOUND');
});

test('an ExternalName is an alias that is followed, inside the cluster and outside', async () => {
  expect(await resolver.resolveCname('outside.shop.svc.cluster.local')).toEqual(['example.org']);
  expect(await resolver.resolve4('outside.shop.svc.cluster.local')).toEqual(['203.0.113.1']);
  expect(await resolver.resolve4('alias.shop.svc.cluster.local')).toEqual(['10.96.0.20']);
  expect(await failure(resolver.resolve4('address.shop.svc.cluster.local'))).toBe('ENOTFOUND');
  expect(await failure(resolver.resolve4('round.shop.svc.cluster.local'))).toBe('ENODATA');
});

test.each([
  ['web.shop.svc.cluster.local', 'AAAA', 'ENODATA'],
  ['web.shop.svc.cluster.local', 'MX', 'ENODATA'],
  ['shop.svc.cluster.local', 'A', 'ENODATA'],
  ['svc.cluster.local', 'A', 'ENODATA'],
  ['cluster.local', 'A', 'ENODATA'],
  ['nobody.shop.svc.cluster.local', 'A', 'ENOTFOUND'],
  ['nobody.shop.svc.cluster.local', 'AAAA', 'ENOTFOUND'],
  ['web.nowhere.svc.cluster.local', 'A', 'ENOTFOUND'],
  ['a.b.c.web.shop.svc.cluster.local', 'A', 'ENOTFOUND'],
  ['other.cluster.local', 'A', 'ENOTFOUND'],
  ['example.net', 'A', 'ENOTFOUND'],
])('%s %s is %s', async (name, type, code) => {
  expect(await failure(resolver.resolve(name, type))).toBe(code);
});

test('the zone says who it is', async () => {
  expect(await resolver.resolveSoa('cluster.local')).toMatchObject({
    ...{ nsname: 'ns.dns.cluster.local', hostmaster: 'hostmaster.cluster.local' },
    ...{ refresh: 7200, retry: 1800, expire: 86_400, minttl: 5 },
  });
  expect(await resolver.resolveNs('cluster.local')).toEqual(['ns.dns.cluster.local']);
  expect(await resolver.resolve4('ns.dns.cluster.local')).toEqual(['10.96.0.10']);
  expect(await resolver.resolveTxt('dns-version.cluster.local')).toEqual([['1.1.0']]);
});

test('other names are passed on, and what does not fit in a datagram comes over TCP', async () => {
  expect(await resolver.resolve4('example.org')).toEqual(['203.0.113.1']);
  expect(await resolver.resolve4('big.example.org')).toHaveLength(100);
  expect(await resolver.resolve4('many.shop.svc.cluster.local')).toHaveLength(200);
  const query = queryBytes('many.shop.svc.cluster.local');
  const answer = await dns.datagram(query);
  expect(answer?.length).toBeLessThanOrEqual(512);
  expect(readResponse(answer ?? query)).toMatchObject({ code: 0, truncated: true });
});

function queryBytes(name: string, type = 1): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([Buffer.from([7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

const code = (answer: Buffer | undefined) => (answer ? answer.readUInt8(3) & 15 : 'none');

test('what is no question gets an error or nothing', async () => {
  const query = queryBytes('web.shop.svc.cluster.local');
  const changed = (at: number, ...bytes: number[]) => {
    const copy = Buffer.from(query);
    copy.set(bytes, at);
    return dns.datagram(copy);
  };
  expect(code(await dns.datagram(query.subarray(0, 11)))).toBe('none');
  expect(code(await changed(2, 0x80)), 'a response').toBe('none');
  expect(code(await changed(2, 0x28)), 'an update').toBe(codes.notImplemented);
  expect(code(await changed(5, 2)), 'two questions').toBe(codes.formatError);
  expect(code(await changed(12, 0xc0, 12)), 'a name that points to itself').toBe(codes.formatError);
  expect(code(await changed(query.length - 1, 3)), 'the class CHAOS').toBe(codes.refused);
  const version1 = Buffer.concat([query, Buffer.from([0, 0, 41, 16, 0, 0, 1, 0, 0, 0, 0])]);
  version1.writeUInt16BE(1, 10);
  expect((await dns.datagram(version1))?.subarray(-11).readUInt8(5), 'BADVERS').toBe(1);
});

test('no message breaks the server', async () => {
  const query = queryBytes('web.shop.svc.cluster.local');
  const damaged = fc
    .array(fc.tuple(fc.nat(query.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    .map((changes) => {
      const copy = Buffer.from(query);
      for (const [at, byte] of changes) copy[at] = byte;
      return copy;
    });
  const messages = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(damaged, fc.nat(query.length)).map(([bytes, length]) => bytes.subarray(0, length)),
  );
  const offline = createDnsServer(
    informerSource(informers, { serverAddress: () => undefined, lookup: async () => [] }),
    { forward: () => Promise.reject(new Error('offline')), lookup: async () => [] },
  );
  await fc.assert(
    fc.asyncProperty(messages, async (message) => {
      const answer = await offline.datagram(message);
      if (!answer) return;
      expect(answer.length).toBeLessThanOrEqual(4_096);
      expect(answer.subarray(0, 2)).toEqual(message.subarray(0, 2));
      expect(answer.readUInt8(2) & 0x80).toBe(0x80);
      readResponse(answer);
    }),
    { numRuns: 2_000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        readResponse(Buffer.from(bytes));
      } catch (error) {
        expect((error as Error).name).toBe('MessageError');
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a connection carries many queries, in pieces as they come', async () => {
  const port = await serve(dns);
  const socket = connect(port, '127.0.0.1');
  const query = queryBytes('web.shop.svc.cluster.local');
  const framed = Buffer.concat([Buffer.from([0, query.length]), query]);
  const all = Buffer.concat(Array.from({ length: 50 }, () => framed));
  socket.write(all.subarray(0, 70));
  socket.end(all.subarray(70));
  let got = 0;
  for await (const chunk of socket) got += chunk.length;
  expect(got % 50).toBe(0);
  expect(got).toBeGreaterThan(50 * query.length);
});
