import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { fakeInformers } from '../fakes.testing.ts';
import { pods } from '../pod.ts';
import { startHostPorts } from './host-ports.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function listening(): Promise<number> {
  const server = createServer((socket) => socket.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const port = await listening();
  stops.pop()?.();
  return port;
}

async function ask(port: number, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ host, port });
  try {
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function start(allowed = true, external = '127.0.0.1') {
  const informers = fakeInformers();
  const recorded: string[] = [];
  const clients = new Set<string>();
  const recorder = {
    event: (_about: unknown, _type: string, reason: string, message: string) =>
      void recorded.push(`${reason}: ${message}`),
    flush: async () => undefined,
  };
  const addresses = { internal: '127.0.0.2', external };
  const allows = ({ from }: { from: string }) => {
    clients.add(from);
    return allowed;
  };
  stops.push(startHostPorts({ informers, recorder, addresses, nodeName: 'homeport', allows }));
  const put = (ports: object[], status: object = { podIP: '127.0.0.1', phase: 'Running' }) => {
    const metadata = { name: 'a', namespace: 'a', uid: 'a' };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata };
    const spec = { nodeName: 'homeport', containers: [{ name: 'main', ports }] };
    informers.put(pods, { ...pod, spec, status: { ...status } });
    return { ...pod, spec };
  };
  return { informers, recorded, clients, put };
}

test("a pod answers at the machine's addresses as long as it is there", async () => {
  const { informers, put } = start();
  const [containerPort, hostPort] = [await listening(), await freePort()];
  put([{ containerPort, hostPort }], {});
  expect(await ask(hostPort), 'before it has an address').toBe('ECONNREFUSED');
  const pod = put([{ containerPort, hostPort }]);
  await expect.poll(() => ask(hostPort)).toBe('hello');
  await expect.poll(() => ask(hostPort, '127.0.0.2')).toBe('hello');
  informers.remove(pods, pod);
  await expect.poll(() => ask(hostPort)).toBe('ECONNREFUSED');
});

test('a pod opens no address that the node does not answer at, and gets no port that is taken', async () => {
  const { put, recorded } = start();
  const taken = await listening();
  put([
    { containerPort: 1, hostPort: taken, hostIP: '127.0.0.1' },
    { containerPort: 2, hostPort: 5_000, hostIP: '192.0.2.1' },
    { containerPort: 3, hostPort: 5_001, protocol: 'SCTP' },
  ]);
  await expect.poll(() => recorded).toHaveLength(3);
  expect(recorded.toSorted()).toEqual([
    'HostPortNotAvailable: hostPort 5000: this node does not answer at 192.0.2.1',
    'HostPortNotAvailable: hostPort 5001: ports of the protocol SCTP are not answered by this node',
    expect.stringContaining(`this machine cannot answer at 127.0.0.1:${taken} (TCP): listen EADDRINUSE`),
  ]);
});

test('policies hold at the ports of the machine, too', async () => {
  const { put } = start(false);
  const [containerPort, hostPort] = [await listening(), await freePort()];
  put([{ containerPort, hostPort }]);
  await expect.poll(() => ask(hostPort)).toBe('ECONNRESET');
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'));

test.runIf(hasIpv6)('policies know an IPv4 client, also where both families are listened on', async () => {
  const { put, clients } = start(true, '::');
  const [containerPort, hostPort] = [await listening(), await freePort()];
  put([{ containerPort, hostPort }]);
  await expect.poll(() => ask(hostPort)).toBe('hello');
  expect([...clients]).toEqual(['127.0.0.1']);
});
