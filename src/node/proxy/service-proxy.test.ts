import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../detect.ts';
import { type FakeInformers, fakeInformers } from '../fakes.testing.ts';
import { type NetworkReservation, reserveNetwork } from '../linux/network.ts';
import { endpointSlices, services } from '../pod.ts';
import { createBackends } from './backends.ts';
import { type ServiceProxy, startServiceProxy } from './service-proxy.ts';

const { name: runtime } = await chooseRuntime('auto');

async function echo(name: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (text) => socket.write(`${name}:${text}`)).on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** What comes back for 'hi', or the error's code. */
function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port });
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    socket
      .on('close', () => resolve(text))
      .on('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    socket.end('hi');
  });
}

/** An endpoint that answers datagrams with its name and what they said. */
async function echoDatagrams(name: string): Promise<{ port: number; close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (text, { address, port }) => socket.send(`${name}:${text}`, port, address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}

/** Datagrams of one client, each with its answer, or the code of its error, or 'nothing' after a while. */
function talker(host: string, port: number) {
  const socket = createSocket('udp4');
  const listen = async () => {
    const answered = once(socket, 'message').then(([text]) => String(text));
    const failed = once(socket, 'error').then(
      ([error]) => String(error.code),
      (error) => String(error.code),
    );
    const late = new Promise<string>((resolve) => setTimeout(() => resolve('nothing'), 200));
    return Promise.race([answered, failed, late]);
  };
  return {
    async say(text: string): Promise<string> {
      const answer = listen();
      socket.send(text, port, host);
      return answer;
    },
    close: () => socket.close(),
  };
}

describe.runIf(runtime === 'linux')('a Service', () => {
  let dataDir: string;
  let network: NetworkReservation;
  let informers: FakeInformers;
  let proxy: ServiceProxy;
  let recorded: string[];
  let told: string[];
  const closes: (() => unknown)[] = [];
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'homeport-proxy-'));
    network = await reserveNetwork({ dataDir });
    informers = fakeInformers();
    recorded = [];
    told = [];
    proxy = startServiceProxy({
      informers,
      backends: createBackends(informers),
      recorder: {
        event: (about, _type, reason) => void recorded.push(`${about.metadata.name} ${reason}`),
        flush: async () => undefined,
      },
      log: pino({ level: 'silent' }),
      bridge: network.bridge,
      nodeName: 'homeport',
      addresses: { internal: network.gateway, external: '127.0.0.1' },
      balancers: {
        ensured: ({ metadata }) => void told.push(`${metadata.name} ensured`),
        failed: ({ metadata }) => void told.push(`${metadata.name} failed`),
        dropped: ({ metadata }) => void told.push(`${metadata.name} dropped`),
      },
    });
  });
  afterAll(async () => {
    await proxy.stop();
    for (const close of closes) close();
    await network.release();
    await rm(dataDir, { recursive: true, force: true });
  });

  const address = (last: number) => network.serviceCidr.replace('.0.0/16', `.7.${last}`);
  const put = (name: string, spec: object) => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'a', uid: name },
      spec: { ...spec },
    };
    informers.put(services, service);
    return service;
  };
  const endpoints = (name: string, all: object[], protocol = 'TCP') => {
    for (const [at, { port, ...endpoint }] of (all as { port: number }[]).entries()) {
      informers.put(endpointSlices, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `${name}-${protocol}-${at}`, namespace: 'a', labels: { 'kubernetes.io/service-name': name } },
        endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, ...endpoint }],
        ports: [{ name: protocol, port, protocol }],
      });
    }
  };
  const server = async (name: string) => {
    const one = await echo(name);
    closes.push(() => one.close());
    return { one, port: (one.address() as AddressInfo).port };
  };
  const tcp = { name: 'TCP', port: 80 };

  test('answers with its ready endpoints in turn, and no longer once it is gone', async () => {
    const ip = address(1);
    const service = put('web', { clusterIP: ip, ports: [tcp, { name: 'sctp', port: 9, protocol: 'SCTP' }] });
    const [a, b] = [await server('a'), await server('b')];
    endpoints('web', [{ port: a.port }, { port: b.port }]);
    await expect.poll(() => ask(ip, 80)).toMatch(/^[ab]:hi$/);
    expect(new Set([await ask(ip, 80), await ask(ip, 80)])).toEqual(new Set(['a:hi', 'b:hi']));
    a.one.close();
    expect([await ask(ip, 80), await ask(ip, 80)]).toEqual(['b:hi', 'b:hi']);
    expect(recorded.filter((line) => line.startsWith('web '))).toEqual(['web ProtocolNotSupported']);
    informers.remove(services, service);
    await expect.poll(() => ask(ip, 80)).not.toBe('b:hi');
  });

  test('without an endpoint refuses; a connection that is open outlives its endpoint', async () => {
    const ip = address(2);
    put('late', { clusterIP: ip, ports: [tcp] });
    await expect.poll(() => ask(ip, 80)).toBe('ECONNREFUSED');
    const { port } = await server('late');
    endpoints('late', [{ port, conditions: { ready: false } }]);
    expect(await ask(ip, 80)).toBe('ECONNREFUSED');
    endpoints('late', [{ port }]);
    await expect.poll(() => ask(ip, 80)).toBe('late:hi');
    const open = connect({ host: ip, port: 80 });
    await once(open, 'connect');
    open.write('one');
    expect(String((await once(open, 'data'))[0])).toBe('late:one');
    endpoints('late', [{ port, conditions: { ready: false } }]);
    await expect.poll(() => ask(ip, 80)).toBe('ECONNREFUSED');
    open.write('two');
    expect(String((await once(open, 'data'))[0])).toBe('late:two');
    open.destroy();
    endpoints('late', [{ port, conditions: { ready: false, serving: true, terminating: true } }]);
    // The last that serves, although it goes.
    await expect.poll(() => ask(ip, 80)).toBe('late:hi');
  });

  test('keeps a client where it was, if it wants that', async () => {
    const ip = address(3);
    put('sticky', { clusterIP: ip, ports: [tcp], sessionAffinity: 'ClientIP' });
    endpoints('sticky', [{ port: (await server('x')).port }, { port: (await server('y')).port }]);
    await expect.poll(() => ask(ip, 80)).toMatch(/:hi$/);
    const answers = new Set<string>();
    for (let left = 6; left > 0; left--) answers.add(await ask(ip, 80));
    expect(answers.size).toBe(1);
  });

  test('answers datagrams: a client keeps its endpoint as long as that is one', async () => {
    const ip = address(4);
    put('log', { clusterIP: ip, ports: [{ name: 'UDP', port: 514, protocol: 'UDP' }] });
    const [a, b] = [await echoDatagrams('a'), await echoDatagrams('b')];
    closes.push(a.close, b.close);
    endpoints('log', [{ port: a.port }, { port: b.port }], 'UDP');
    const client = talker(ip, 514);
    await expect.poll(() => client.say('hello')).toMatch(/^[ab]:hello$/);
    const first = await client.say('1');
    expect(await client.say('1')).toBe(first);
    const gone = first.startsWith('a') ? 0 : 1;
    const ready = [{ ready: true }, { ready: true }].map((conditions, at) =>
      at === gone ? { ready: false } : conditions,
    );
    endpoints(
      'log',
      [
        { port: a.port, conditions: ready[0] },
        { port: b.port, conditions: ready[1] },
      ],
      'UDP',
    );
    expect(await client.say('2')).toBe(gone === 0 ? 'b:2' : 'a:2');
    client.close();
  });

  test('of type NodePort answers at the addresses of the node; a port that is taken is told of', async () => {
    const { port } = await server('node');
    const free = (await server('taken')).port;
    put('node', { type: 'NodePort', clusterIP: address(5), ports: [{ ...tcp, nodePort: free }] });
    endpoints('node', [{ port }]);
    await expect.poll(() => ask(network.gateway, free)).toBe('node:hi');
    await expect.poll(() => recorded).toContain('node PortNotAvailable');
  });

  test('of type LoadBalancer answers at the address of the machine, for those it is for', async () => {
    const { one, port } = await server('balanced');
    const { one: probe, port: free } = await server('probe');
    await new Promise((resolve) => probe.close(resolve));
    const spec = { type: 'LoadBalancer', clusterIP: address(6), ports: [{ ...tcp, port: free }] };
    put('lb', spec);
    endpoints('lb', [{ port }]);
    await expect.poll(() => ask('127.0.0.1', free)).toBe('balanced:hi');
    expect(told).toContain('lb ensured');
    put('lb', { ...spec, loadBalancerSourceRanges: ['192.0.2.0/24'] });
    expect(await ask('127.0.0.1', free)).toBe('ECONNRESET');
    put('lb', { ...spec, type: 'ClusterIP' });
    await expect.poll(() => ask('127.0.0.1', free)).toBe('ECONNREFUSED');
    expect(told).toContain('lb dropped');
    put('second', { type: 'LoadBalancer', clusterIP: address(7), ports: [{ ...tcp, port }] });
    await expect.poll(() => told).toContain('second failed');
    put('foreign', { ...spec, clusterIP: address(8), loadBalancerClass: 'example.org/other' });
    one.close();
    expect(told.filter((line) => line.startsWith('foreign'))).toEqual([]);
  });

  test('refuses external addresses, and keeps what is local on this node', async () => {
    const ip = address(9);
    const { port } = await server('local');
    put('local', { clusterIP: ip, ports: [tcp], internalTrafficPolicy: 'Local', externalIPs: ['198.51.100.1'] });
    endpoints('local', [{ port, nodeName: 'another' }]);
    await expect.poll(() => recorded).toContain('local ExternalIPsNotSupported');
    await expect.poll(() => ask(ip, 80)).toBe('ECONNREFUSED');
    endpoints('local', [{ port, nodeName: 'homeport' }]);
    await expect.poll(() => ask(ip, 80)).toBe('local:hi');
  });
});
