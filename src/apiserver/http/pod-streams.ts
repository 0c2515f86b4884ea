import type { ContainerRef, PodStreams, UsageSource } from '../../client/index.ts';
import { badRequest, type KubeObject, notFound } from '../../machinery/index.ts';
import type { RequestInfo } from '../contracts.ts';
import type { Store } from '../store/store.ts';

const PODS = { group: '', resource: 'pods' };

/** What an agent of a node does for the API server: not all of them measure, and what is only simulated has no streams. */
export type ConnectedNode = PodStreams | UsageSource | (PodStreams & UsageSource);

const measures = (agent: ConnectedNode): agent is UsageSource => 'podUsage' in agent;
const hasStreams = (agent: ConnectedNode): agent is PodStreams => 'logs' in agent;

/** The agents that run pods, by the name of their node. */
export interface Nodes {
  connect(name: string, agent: ConnectedNode): () => void;
  /** What measures a node; undefined for a node whose agent is not connected, or does not measure. */
  usageOf(node: string): UsageSource | undefined;
  /** The agent that runs the pod a request names. Throws ApiError 404 or 400. */
  streamsFor(store: Store, info: RequestInfo): { pod: KubeObject; streams: PodStreams };
}

export function createNodes(): Nodes {
  const nodes = new Map<string, ConnectedNode>();
  return {
    connect(name, agent) {
      nodes.set(name, agent);
      return () => {
        if (nodes.get(name) === agent) nodes.delete(name);
      };
    },
    usageOf(node) {
      const agent = nodes.get(node);
      return agent && measures(agent) ? agent : undefined;
    },
    streamsFor(store, { namespace, name }) {
      const pod = store.cache(PODS).entries.get(namespace, name)?.object;
      if (!pod) throw notFound(PODS, name);
      const node = String(pod.spec?.['nodeName'] ?? '');
      if (node === '') throw badRequest(`pod ${name} does not have a host assigned`);
      const agent = nodes.get(node);
      if (!agent) throw badRequest(`the agent of node ${node}, which runs pod ${name}, is not connected`);
      if (!hasStreams(agent)) throw badRequest(`node ${node} is simulated: pod ${name} runs no programs`);
      return { pod, streams: agent };
    },
  };
}

/** The container that a request is about: the one it names, or the pod's only one. Throws ApiError 400. */
export function containerOf(pod: KubeObject, query: URLSearchParams): ContainerRef {
  const { name, namespace = '' } = pod.metadata;
  const names = (field: string): string[] =>
    ((pod.spec?.[field] as { name: string }[] | undefined) ?? []).map((container) => container.name);
  const main = names('containers');
  const others = [...names('initContainers'), ...names('ephemeralContainers')];
  const wanted = query.get('container') ?? '';
  if (wanted !== '') {
    if (![...main, ...others].includes(wanted)) throw badRequest(`container ${wanted} is not valid for pod ${name}`);
    return { namespace, pod: name, container: wanted };
  }
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (preferred && main.includes(preferred)) return { namespace, pod: name, container: preferred };
  if (main.length !== 1) {
    const init = names('initContainers');
    const extra = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${main.join(' ')}]${extra}`);
  }
  return { namespace, pod: name, container: main[0] ?? '' };
}
