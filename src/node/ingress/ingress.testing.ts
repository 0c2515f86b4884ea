import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FakeInformers, fakeInformers } from '../fakes.testing.ts';
import { endpointSlices, services } from '../pod.ts';
import { createBackends } from '../proxy/backends.ts';
import type { Certificates, SecretReader } from './certificates.ts';
import { startIngressServer } from './server.ts';

/** An ingress on a free port, in namespaces that a test fills itself. */
export interface TestIngress {
  readonly informers: FakeInformers;
  readonly url: string;
  readonly port: number;
  readonly certificates: Certificates;
  /** Starts a server on a free port of this machine, to be an endpoint. */
  serve(listener: RequestListener): Promise<Server>;
  /** Puts a Service there, and a ready endpoint on this machine for each of the servers, or ports without any. */
  publish(name: string, endpoints: readonly (Server | number)[], namespace?: string): void;
  stop(): Promise<void>;
}

export async function startTestIngress(
  readSecret: SecretReader = () => Promise.reject(new Error('there are no Secrets')),
): Promise<TestIngress> {
  const informers = fakeInformers();
  const servers: Server[] = [];
  const backends = createBackends(informers);
  const ingress = await startIngressServer({ informers, backends, readSecret, host: '127.0.0.1', port: 0 });
  const { url, certificates } = ingress;
  return {
    informers,
    url,
    certificates,
    port: Number(new URL(url).port),
    async serve(listener) {
      const server = createServer(listener);
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    },
    publish(name, endpoints, namespace = 'a') {
      const spec = { ports: [{ port: 80 }] };
      informers.put(services, { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec });
      for (const endpoint of endpoints) {
        const port = typeof endpoint === 'number' ? endpoint : portOf(endpoint);
        const labels = { 'kubernetes.io/service-name': name };
        informers.put(endpointSlices, {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: `${name}-${port}`, namespace, labels },
          endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
          ports: [{ port, protocol: 'TCP' }],
        });
      }
    },
    async stop() {
      await ingress.stop();
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
}

export const portOf = (server: Server) => (server.address() as AddressInfo).port;
