import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { EventRecorder, Informers } from '../../client/index.ts';
import { equalJson, type KubeObject, keyOf } from '../../machinery/index.ts';
import { type Connection, isWithin } from '../network-policy/allows.ts';
import { endpointSlices, services } from '../pod.ts';
import { createAddressBook } from './addresses.ts';
import { createAffinity } from './affinity.ts';
import { type Backends, serviceOfSlice, type Target } from './backends.ts';
import { type Frontend, frontendsOf, isOurBalancer, type NodeAddresses, refusalsOf } from './frontends.ts';
import type { LoadBalancers } from './load-balancers.ts';
import { openFrontend, type RunningFrontend, type ServiceAnswerer } from './open-frontend.ts';

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
  nodeName: string;
  addresses: NodeAddresses;
  /** Services that this process answers itself, by 'NAMESPACE/NAME'. */
  answerers?: ReadonlyMap<string, ServiceAnswerer>;
  balancers?: LoadBalancers;
  /** Whether NetworkPolicies let a client reach an endpoint; everybody everything, without. */
  allows?(connection: Connection): boolean;
}

interface State extends Frontend {
  running?: RunningFrontend | undefined;
  /** Listens, or the reason why not; undefined until either is known. */
  outcome?: 'listens' | Error | undefined;
}

/** A Service as the proxy serves it. */
interface Served {
  object: KubeObject;
  frontends: Map<string, State>;
}

/**
 * Answers for Services on this machine, from the host and from pods: a ClusterIP is an address of the pods' bridge, and
 * each port a listener that passes connections and datagrams on to an endpoint. NodePorts and load balancers answer at
 * the machine's own addresses. While a Service has no endpoints nothing listens at its ClusterIP, so that clients are
 * refused at once, as kube-proxy has it.
 */
export function startServiceProxy(options: ServiceProxyOptions): ServiceProxy {
  const { informers, backends, recorder, log } = options;
  const all = new Map<string, Served>();
  /** Of all frontends, also those that were closed: open connections outlive their Service. */
  const sockets = new Set<Socket>();
  const addresses = createAddressBook(options.bridge, log);
  const affinity = createAffinity();
  let stopped = false;

  function targetsOf({ object }: Served, { kind, port }: Frontend): Target[] {
    const policy = object.spec?.[kind === 'cluster' ? 'internalTrafficPolicy' : 'externalTrafficPolicy'];
    return backends.targets(object, port, policy === 'Local' ? options.nodeName : undefined);
  }

  function mayReach(from: string, { address: to, port }: Target, { protocol }: Frontend): boolean {
    return options.allows?.({ from, to, port, protocol }) ?? true;
  }

  function maySpeak({ object }: Served, frontend: Frontend, client: string): boolean {
    if (frontend.kind === 'balancer' && !isInSourceRanges(object, client)) return false;
    const isAnsweredHere = options.answerers?.has(keyOf(object)) === true;
    return !isAnsweredHere || mayReach(client, { address: frontend.ip, port: frontend.number }, frontend);
  }

  function open(served: Served, frontend: State): RunningFrontend {
    const { port } = frontend;
    return openFrontend(frontend, {
      sockets,
      answerer: options.answerers?.get(keyOf(served.object)),
      maySpeak: (client) => maySpeak(served, frontend, client),
      targets: (client) => {
        const targets = targetsOf(served, frontend).filter((target) => mayReach(client, target, frontend));
        return affinity.order(served.object, port, client, targets);
      },
      chosen: (client, target) => affinity.remember(served.object, port, client, target),
      changed(error) {
        const first = frontend.outcome === undefined || (error === undefined) !== (frontend.outcome === 'listens');
        frontend.outcome = error ?? 'listens';
        if (first) outcomeChanged(served, frontend, error);
      },
    });
  }

  function outcomeChanged(served: Served, { kind, ip, number, protocol }: State, error: Error | undefined): void {
    if (kind === 'balancer') balance(served);
    if (kind === 'balancer' || !error) return;
    const message = `this machine cannot answer at ${ip}:${number} (${protocol}): ${error.message}`;
    recorder.event(served.object, 'Warning', 'PortNotAvailable', message);
  }

  function balance({ object, frontends }: Served): void {
    if (!isOurBalancer(object)) return;
    const outcomes = [...frontends.values()].filter(({ kind }) => kind === 'balancer').map(({ outcome }) => outcome);
    const obstacle = outcomes.find((outcome) => outcome instanceof Error);
    if (obstacle) options.balancers?.failed(object, obstacle.message);
    else if (outcomes.every((outcome) => outcome === 'listens')) options.balancers?.ensured(object);
  }

  /** Lets frontends listen, or not any more, as there are endpoints. */
  function refresh(served: Served): void {
    for (const frontend of served.frontends.values()) {
      if (!isWanted(served, frontend)) close(frontend);
      else if (frontend.running) frontend.running.retain(targetsOf(served, frontend));
      else void addresses.settled().then(() => openOnce(served, frontend));
    }
  }

  function isWanted(served: Served, frontend: State): boolean {
    const isAnswered = () => options.answerers?.has(keyOf(served.object)) || targetsOf(served, frontend).length > 0;
    return frontend.kind !== 'cluster' || isAnswered();
  }

  /** Unless the frontend is not there any more, or not wanted, by now. */
  function openOnce(served: Served, frontend: State): void {
    const isThere = all.get(keyOf(served.object)) === served && [...served.frontends.values()].includes(frontend);
    if (!stopped && isThere && isWanted(served, frontend)) frontend.running ??= open(served, frontend);
  }

  function close(frontend: State): void {
    frontend.running?.close();
    frontend.running = undefined;
    frontend.outcome = undefined;
  }

  function upsert(object: KubeObject): void {
    const served = all.get(keyOf(object)) ?? { object, frontends: new Map() };
    const before = all.has(keyOf(object)) ? served.object : undefined;
    all.set(keyOf(object), served);
    if (!equalJson(before && refusalsOf(before), refusalsOf(object)))
      for (const { reason, message } of refusalsOf(object)) recorder.event(object, 'Warning', reason, message);
    const wanted = frontendsOf(object, options.addresses);
    for (const [key, frontend] of served.frontends) if (!wanted.has(key)) drop(served, key, frontend);
    for (const [key, frontend] of wanted) {
      if (served.frontends.has(key)) continue;
      served.frontends.set(key, frontend);
      if (frontend.kind === 'cluster') addresses.take(frontend.ip);
    }
    served.object = object;
    refresh(served);
    balance(served);
    if (before && isOurBalancer(before) && !isOurBalancer(object)) options.balancers?.dropped(object);
  }

  function drop(served: Served, key: string, frontend: State): void {
    served.frontends.delete(key);
    close(frontend);
    if (frontend.kind === 'cluster') addresses.release(frontend.ip);
  }

  function remove(object: KubeObject): void {
    const served = all.get(keyOf(object));
    for (const [key, frontend] of served?.frontends ?? []) if (served) drop(served, key, frontend);
    all.delete(keyOf(object));
  }

  const sliceChanged = (slice: KubeObject) => {
    const served = all.get(serviceOfSlice(slice));
    if (served) refresh(served);
  };
  const stops = [
    informers.for(services).addHandler({ upsert, remove }),
    informers.for(endpointSlices).addHandler({ upsert: sliceChanged, remove: sliceChanged }),
  ];
  return {
    async stop() {
      stopped = true;
      for (const stop of stops) stop();
      for (const { frontends } of all.values()) for (const frontend of frontends.values()) close(frontend);
      for (const socket of sockets) socket.destroy();
      await addresses.settled();
    },
  };
}

/** Whether a client is among those that a load balancer is for: `loadBalancerSourceRanges`, by default everybody. */
function isInSourceRanges({ spec }: KubeObject, client: string): boolean {
  const ranges = (spec?.['loadBalancerSourceRanges'] ?? []) as string[];
  return ranges.length === 0 || ranges.some((range) => isWithin(range, client));
}
