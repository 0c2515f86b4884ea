import { isIPv4, type Socket } from 'node:net';
import type { EventRecorder, Informers } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import type { Connection } from '../network-policy/allows.ts';
import { asPod, type Pod, pods } from '../pod.ts';
import { distinctAddresses, type NodeAddresses } from './frontends.ts';
import { openFrontend, type RunningFrontend } from './open-frontend.ts';

interface HostPort {
  ip: string;
  number: number;
  protocol: 'TCP' | 'UDP';
  target: { address: string; port: number };
}

export interface HostPortsOptions {
  informers: Informers;
  recorder: EventRecorder;
  nodeName: string;
  addresses: NodeAddresses;
  allows(connection: Connection): boolean;
}

/** Answers for the `hostPort`s of this node's pods, at the machine's addresses. @returns the way to stop */
export function startHostPorts(options: HostPortsOptions): () => void {
  const running = new Map<string, Map<string, RunningFrontend>>();
  const sockets = new Set<Socket>();

  function open(pod: Pod, { ip, number, protocol, target }: HostPort): RunningFrontend {
    let told = false;
    const { address: to, port } = target;
    return openFrontend(
      { ip, number, protocol },
      {
        sockets,
        answerer: undefined,
        maySpeak: (from) => options.allows({ from, to, port, protocol }),
        targets: () => [target],
        chosen: () => undefined,
        changed(error) {
          if (error && !told)
            tell(pod, `this machine cannot answer at ${ip}:${number} (${protocol}): ${error.message}`);
          told = error !== undefined;
        },
      },
    );
  }

  function tell(pod: Pod, message: string): void {
    options.recorder.event(pod, 'Warning', 'HostPortNotAvailable', message);
  }

  function upsert(object: KubeObject): void {
    if (object.spec?.['nodeName'] !== options.nodeName) return;
    const pod = asPod(object);
    const uid = pod.metadata.uid ?? '';
    const present = running.get(uid) ?? new Map<string, RunningFrontend>();
    const { ports, refused } = hostPortsOf(pod, options.addresses);
    const wanted = new Map(ports.map((port) => [keyOf(port), port]));
    for (const [key, frontend] of present) {
      if (wanted.has(key)) continue;
      frontend.close();
      present.delete(key);
    }
    if (!running.has(uid)) for (const message of refused) tell(pod, message);
    for (const [key, port] of wanted) if (!present.has(key)) present.set(key, open(pod, port));
    if (present.size > 0 || refused.length > 0) running.set(uid, present);
    else running.delete(uid);
  }

  function remove(object: KubeObject): void {
    const uid = object.metadata.uid ?? '';
    for (const frontend of running.get(uid)?.values() ?? []) frontend.close();
    running.delete(uid);
  }

  const stop = options.informers.for(pods).addHandler({ upsert, remove });
  return () => {
    stop();
    for (const frontends of running.values()) for (const frontend of frontends.values()) frontend.close();
    for (const socket of sockets) socket.destroy();
  };
}

const keyOf = ({ ip, number, protocol, target }: HostPort) =>
  `${protocol} ${ip}:${number} ${target.address}:${target.port}`;

/** The ports of a pod that has an address, and why some of them cannot be had. */
function hostPortsOf(pod: Pod, addresses: NodeAddresses): { ports: HostPort[]; refused: string[] } {
  const { podIP, phase } = pod.status ?? {};
  const ports: HostPort[] = [];
  const refused: string[] = [];
  if (!podIP || phase === 'Succeeded' || phase === 'Failed') return { ports, refused };
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  for (const { hostPort, hostIP, containerPort, protocol = 'TCP' } of containers.flatMap(
    ({ ports: all }) => all ?? [],
  )) {
    if (!hostPort) continue;
    if (protocol !== 'TCP' && protocol !== 'UDP') {
      refused.push(`hostPort ${hostPort}: ports of the protocol ${protocol} are not answered by this node`);
      continue;
    }
    const own = addressesFor(hostIP, addresses);
    if (own.length === 0) refused.push(`hostPort ${hostPort}: this node does not answer at ${hostIP}`);
    const target = { address: podIP, port: containerPort };
    for (const ip of own) ports.push({ ip, number: hostPort, protocol, target });
  }
  return { ports, refused };
}

/** Of the addresses that this node answers at, the one that is asked for: a pod opens no others. */
function addressesFor(hostIP: string | undefined, addresses: NodeAddresses): string[] {
  const own = distinctAddresses(addresses);
  if (!hostIP || hostIP === '0.0.0.0') return own;
  const isOpen = own.includes(hostIP) || (isIPv4(hostIP) && own.includes('0.0.0.0'));
  return isOpen || hostIP === '127.0.0.1' ? [hostIP] : [];
}
