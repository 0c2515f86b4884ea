import type { Logger } from 'pino';
import type { EventRecorder, Informers } from '../../client/index.ts';
import { equalJson, type KubeObject } from '../../machinery/index.ts';
import type { Firewall } from '../linux/firewall.ts';
import { asPod, namespaces, networkPolicies, pods } from '../pod.ts';
import { allows, type Connection } from './allows.ts';
import { modelOf, type PolicyModel, type PolicyPod } from './model.ts';
import { chainsOf } from './ruleset.ts';

export interface NetworkPolicies {
  /** Whether a connection that this process would make for a pod may be made. */
  allows(connection: Connection): boolean;
  /** Resolves when the policies hold for a pod that is about to run at this address. */
  admit(pod: KubeObject, address: string): Promise<void>;
  stop(): Promise<void>;
}

const nothingIsolated = modelOf([], { pods: [], namespaceLabels: () => ({}) });

/** Changes that come together make one table: milliseconds from the first of them. */
const patience = 20;

/**
 * Enforces NetworkPolicies: what pods send to each other and outside in nftables, and what this process passes on for them
 * by `allows`. Where there are no nftables nothing is enforced, and each policy gets an Event that says so.
 * @param answering what pods reach that is no pod, but stands where one does in other clusters: the cluster's DNS.
 */
export function enforceNetworkPolicies(options: {
  informers: Informers;
  recorder: EventRecorder;
  log: Logger;
  firewall: Firewall;
  answering: () => readonly PolicyPod[];
}): NetworkPolicies {
  const { informers, firewall } = options;
  const policies = informers.for(networkPolicies);
  if (firewall.obstacle !== undefined) {
    const stop = tellUnenforced(informers, options.recorder, firewall.obstacle);
    return { allows: () => true, admit: async () => undefined, stop: async () => stop() };
  }
  const podInformer = informers.for(pods);
  const namespaceInformer = informers.for(namespaces, true);
  let model = nothingIsolated;
  let applied = '';
  /** Pods whose objects do not tell their addresses yet. */
  const joining = new Map<string, { pod: KubeObject; address: string }>();
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let stopped = false;
  let isKnown = false;
  const known = Promise.all([policies.synced, podInformer.synced, namespaceInformer.synced]).then(() => {
    isKnown = true;
    return applyNow();
  });

  function current(): PolicyModel {
    const all = policies.list();
    if (all.length === 0) return nothingIsolated;
    return modelOf(all, {
      pods: [
        ...podInformer.list().flatMap(policyPod),
        ...[...joining.values()].flatMap(joined),
        ...options.answering(),
      ],
      namespaceLabels: (name) => namespaceInformer.get(name)?.metadata.labels ?? {},
    });
  }

  function applyNow(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    working = working.then(apply);
    return working;
  }

  async function apply(): Promise<void> {
    if (stopped) return;
    model = current();
    const chains = chainsOf(model);
    const text = JSON.stringify(chains);
    if (text === applied) return;
    try {
      await firewall.apply(chains);
      applied = text;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      options.log.error({ error: message }, 'enforcing NetworkPolicies');
      const said = `the rules of nftables could not be changed, those before are still in force: ${message}`;
      for (const policy of policies.list()) options.recorder.event(policy, 'Warning', 'NotEnforced', said);
      later(1_000);
    }
  }

  function later(milliseconds: number): void {
    if (isKnown) timer ??= setTimeout(applyNow, milliseconds).unref();
  }

  const changed = () => later(patience);
  const areAny = () => policies.list().length > 0;
  const ifAny = () => {
    if (areAny()) changed();
  };
  const stops = [
    policies.addHandler({ upsert: changed, remove: changed }),
    podInformer.addHandler({
      upsert(object, old) {
        if (asPod(object).status?.podIP) joining.delete(object.metadata.uid ?? '');
        if (areAny() && (!old || !equalJson(policyPod(object), policyPod(old)))) changed();
      },
      remove(object) {
        joining.delete(object.metadata.uid ?? '');
        ifAny();
      },
    }),
    namespaceInformer.addHandler({ upsert: ifAny, remove: ifAny }),
  ];
  return {
    allows: (connection) => allows(model, connection),
    async admit(pod, address) {
      await known;
      joining.set(pod.metadata.uid ?? '', { pod, address });
      if (areAny()) await applyNow();
    },
    async stop() {
      stopped = true;
      for (const stop of stops) stop();
      clearTimeout(timer);
      await working;
    },
  };
}

/** A pod that has an address of its own and has not ended. */
function policyPod(object: KubeObject): PolicyPod[] {
  const { metadata, spec, status } = asPod(object);
  const { podIP, phase } = status ?? {};
  if (!podIP || spec?.hostNetwork || phase === 'Succeeded' || phase === 'Failed') return [];
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return [
    {
      namespace: metadata.namespace ?? '',
      labels: metadata.labels ?? {},
      address: podIP,
      ports: containers.flatMap((container) => container.ports ?? []),
    },
  ];
}

const joined = ({ pod, address }: { pod: KubeObject; address: string }) =>
  policyPod({ ...pod, status: { ...pod.status, podIP: address } });

/** Records an Event about each policy that says why it is not enforced. @returns the way to stop */
export function tellUnenforced(informers: Informers, recorder: EventRecorder, obstacle: string): () => void {
  return informers.for(networkPolicies).addHandler({
    upsert(policy, old) {
      if (old && old.metadata.generation === policy.metadata.generation) return;
      recorder.event(policy, 'Warning', 'NotEnforced', `NetworkPolicies are not enforced by this node: ${obstacle}`);
    },
  });
}
