import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { chooseRuntime } from '../detect.ts';
import { fakeInformers } from '../fakes.testing.ts';
import { reserveNetwork } from '../linux/network.ts';
import { endpointSlices, services } from '../pod.ts';
import { createBackends } from './backends.ts';
import { startServiceProxy } from './service-proxy.ts';

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

test.runIf(runtime === 'linux')(
  'a ClusterIP answers with its ready endpoints in turn, and no longer once its Service is gone',
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'homeport-proxy-'));
    const network = await reserveNetwork({ dataDir });
    const informers = fakeInformers();
    const recorded: string[] = [];
    const recorder = {
      event: (_about: unknown, _type: string, reason: string) => void recorded.push(reason),
      flush: async () => undefined,
    };
    const proxy = startServiceProxy({
      informers,
      backends: createBackends(informers),
      recorder,
      log: pino({ level: 'silent' }),
      bridge: network.bridge,
    });
    const servers = [await echo('a'), await echo('b')];
    const ip = network.serviceCidr.replace('.0.0/16', '.7.7');
    const metadata = { name: 'web', namespace: 'a' };
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ];
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: ip, ports } };
    informers.put(services, service);
    for (const [at, server] of servers.entries()) {
      const { port } = server.address() as AddressInfo;
      informers.put(endpointSlices, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: `web-${at}`, namespace: 'a', labels: { 'kubernetes.io/service-name': 'web' } },
        endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
        ports: [{ name: 'http', port }],
      });
    }
    await expect.poll(() => ask(ip, 80)).toMatch(/^[ab]:hi$/);
    expect(new Set([await ask(ip, 80), await ask(ip, 80)])).toEqual(new Set(['a:hi', 'b:hi']));
    servers[0]?.close();
    expect([await ask(ip, 80), await ask(ip, 80)]).toEqual(['b:hi', 'b:hi']);
    expect(recorded).toEqual(['ProtocolNotSupported']);
    informers.remove(services, service);
    await expect.poll(() => ask(ip, 80)).not.toBe('b:hi');
    await proxy.stop();
    servers[1]?.close();
    await network.release();
    await rm(dataDir, { recursive: true, force: true });
  },
);
