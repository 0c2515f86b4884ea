import { createServer, isIPv4, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { EventRecorder, Informers } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { runTool } from '../linux/shell.ts';
import { services } from '../pod.ts';
import { type Backends, portsOf, type ServicePort } from './backends.ts';
import { connectAny, join } from './forward.ts';

export interface ServiceProxy {
  stop(): Promise<void>;
}

export interface ServiceProxyOptions {
  informers: Informers;
  backends: Backends;
  recorder: EventRecorder;
  log: Logger;
  /** The device that takes the ClusterIPs as addresses of this machine. */
  bridge: string;
}

const mostConnections = 4096;

/**
 * Answers for ClusterIPs on this machine, from the host and from pods: each is an address of the pods' bridge, and each
 * TCP port a listener that passes connections on to a ready endpoint. NodePorts answer on loopback. UDP is not served.
 */
export function startServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { informers, backends, log } = options;
  const listeners = new Map<string, Server>();
  /** Of all listeners, also those that were closed: open connections outlive their Service. */
  const sockets = new Set<Socket>();
  const keysOf = new Map<string, Map<string, { ip: string; port: ServicePort }>>();
  const addresses = createAddressBook(options.bridge, log);
  const affinity = new Map<string, string>();

  function handle(service: string, port: ServicePort, socket: Socket): void {
    const [namespace = '', name = ''] = service.split('/');
    const object = backends.service(namespace, name);
    const targets = object ? backends.targets(object, port) : [];
    const sticky = object?.spec?.['sessionAffinity'] === 'ClientIP' ? `${service} ${socket.remoteAddress}` : undefined;
    const preferred = sticky === undefined ? undefined : affinity.get(sticky);
    const ordered =
      preferred === undefined
        ? targets
        : targets.toSorted((a, b) => Number(b.address === preferred) - Number(a.address === preferred));
    socket.on('error', () => socket.destroy());
    connectAny(ordered).then(
      (backend) => {
        if (sticky !== undefined && backend.remoteAddress) remember(affinity, sticky, backend.remoteAddress);
        join(socket, backend);
      },
      () => socket.resetAndDestroy(),
    );
  }

  async function listen(key: string, service: string, ip: string, port: ServicePort, number: number): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      handle(service, port, socket);
    });
    server.maxConnections = mostConnections;
    server.on('error', (error) =>
      log.warn({ service, address: `${ip}:${number}`, error: error.message }, 'a Service cannot be answered here'),
    );
    listeners.set(key, server);
    await addresses.settled();
    if (listeners.get(key) === server) server.listen({ host: ip, port: number });
  }

  function close(key: string): void {
    const server = listeners.get(key);
    listeners.delete(key);
    server?.close();
    // Connections that are open stay, as they do with kube-proxy: the pod behind them decides.
  }

  function upsert(object: KubeObject): void {
    const service = `${object.metadata.namespace}/${object.metadata.name}`;
    const wanted = wantedListeners(service, object);
    const present = keysOf.get(service) ?? new Map();
    if (portsOf(object).some((port) => port.protocol === 'UDP') && !keysOf.has(service)) {
      options.recorder.event(
        object,
        'Warning',
        'ProtocolNotSupported',
        'UDP ports of Services are not answered by Homeport yet; TCP ports are',
      );
    }
    keysOf.set(service, wanted);
    for (const [key, { ip }] of present) {
      if (wanted.has(key)) continue;
      close(key);
      addresses.release(ip);
    }
    for (const [key, { ip, port }] of wanted) {
      if (present.has(key)) continue;
      addresses.take(ip);
      void listen(key, service, ip, port, Number(key.slice(key.lastIndexOf(':') + 1)));
    }
  }

  function remove(object: KubeObject): void {
    const service = `${object.metadata.namespace}/${object.metadata.name}`;
    for (const [key, { ip }] of keysOf.get(service) ?? []) {
      close(key);
      addresses.release(ip);
    }
    keysOf.delete(service);
  }

  const stop = informers.for(services).addHandler({ upsert, remove });
  return {
    async stop() {
      stop();
      for (const server of listeners.values()) server.close();
      listeners.clear();
      for (const socket of sockets) socket.destroy();
      await addresses.settled();
    },
  };
}

/** The listeners a Service should have: 'NAMESPACE/NAME PORTNAME IP:PORT'. */
function wantedListeners(service: string, object: KubeObject): Map<string, { ip: string; port: ServicePort }> {
  const wanted = new Map<string, { ip: string; port: ServicePort }>();
  const ip = object.spec?.['clusterIP'];
  for (const port of portsOf(object)) {
    if ((port.protocol ?? 'TCP') !== 'TCP') continue;
    if (typeof ip === 'string' && isIPv4(ip))
      wanted.set(`${service} ${port.name ?? ''} ${ip}:${port.port}`, { ip, port });
    if (port.nodePort)
      wanted.set(`${service} ${port.name ?? ''} 127.0.0.1:${port.nodePort}`, { ip: '127.0.0.1', port });
  }
  return wanted;
}

const mostRemembered = 10_000;

function remember(affinity: Map<string, string>, key: string, address: string): void {
  affinity.delete(key);
  affinity.set(key, address);
  // The oldest goes: a Map keeps the order in which entries came.
  if (affinity.size > mostRemembered) for (const oldest of affinity.keys()) return void affinity.delete(oldest);
}

/** Adds and removes addresses of a device, many with one call of ip(8). */
function createAddressBook(device: string, log: Logger) {
  const users = new Map<string, number>();
  let commands: string[] = [];
  let running: Promise<void> = Promise.resolve();

  function queue(command: string): void {
    commands.push(command);
    if (commands.length > 1) return;
    running = running.then(async () => {
      const batch = commands;
      commands = [];
      await runTool('ip', ['-force', '-batch', '-'], `${batch.join('\n')}\n`);
    });
    running = running.catch((error: Error) => log.warn({ error: error.message }, 'setting the addresses of Services'));
  }

  return {
    take(ip: string) {
      const count = users.get(ip) ?? 0;
      users.set(ip, count + 1);
      if (count === 0 && ip !== '127.0.0.1') queue(`addr add ${ip}/32 dev ${device}`);
    },
    release(ip: string) {
      const count = (users.get(ip) ?? 1) - 1;
      users.set(ip, count);
      if (count === 0 && ip !== '127.0.0.1') queue(`addr del ${ip}/32 dev ${device}`);
    },
    settled: () => running,
  };
}
