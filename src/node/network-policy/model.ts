import { type KubeObject, type LabelSelector, type LabelSelectorSpec, labelSelectorOf } from '../../machinery/index.ts';

export type Protocol = 'TCP' | 'UDP' | 'SCTP';
export type Direction = 'ingress' | 'egress';

/** A pod as policies see it. */
export interface PolicyPod {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  address: string;
  ports: readonly { name?: string; containerPort: number; protocol?: string }[];
}

export interface PortRange {
  protocol: Protocol;
  /** Every port, without. */
  first?: number;
  last?: number;
}

/** Connections that a policy lets through: between these pods and these peers, to these ports. */
export interface Allowance {
  pods: readonly string[];
  /** Everybody, without. */
  peers?: readonly string[] | { cidr: string; except: readonly string[] };
  /** Every port of every protocol, without. */
  ports?: readonly PortRange[];
}

/** What all policies say together about one direction. */
export interface Side {
  /** The addresses of pods for which only what is allowed gets through. */
  isolated: ReadonlySet<string>;
  allowed: readonly Allowance[];
}

export type PolicyModel = Record<Direction, Side>;

interface Peer {
  podSelector?: LabelSelectorSpec;
  namespaceSelector?: LabelSelectorSpec;
  ipBlock?: { cidr: string; except?: string[] };
}

interface PolicyPort {
  protocol?: Protocol;
  port?: number | string;
  endPort?: number;
}

interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: PolicyPort[];
}

interface PolicySpec {
  podSelector?: LabelSelectorSpec;
  policyTypes?: string[];
  ingress?: Rule[];
  egress?: Rule[];
}

/** What policies choose from. */
export interface PolicyWorld {
  pods: readonly PolicyPod[];
  /** The labels of a namespace. */
  namespaceLabels(name: string): Readonly<Record<string, string>>;
}

/** Works out what policies mean for the pods that there are (networking.k8s.io/v1 NetworkPolicy). */
export function modelOf(policies: readonly KubeObject[], world: PolicyWorld): PolicyModel {
  return { ingress: sideOf('ingress', policies, world), egress: sideOf('egress', policies, world) };
}

function sideOf(direction: Direction, policies: readonly KubeObject[], world: PolicyWorld): Side {
  const isolated = new Set<string>();
  const allowed: Allowance[] = [];
  for (const policy of policies) {
    const spec = (policy.spec ?? {}) as PolicySpec;
    if (!appliesTo(direction, spec)) continue;
    const { namespace = '' } = policy.metadata;
    const selector = labelSelectorOf(spec.podSelector ?? {});
    const pods = world.pods.filter((pod) => pod.namespace === namespace && selector.matches(pod.labels));
    for (const { address } of pods) isolated.add(address);
    if (pods.length === 0) continue;
    for (const rule of spec[direction] ?? []) allowed.push(...allowancesOf(direction, rule, namespace, pods, world));
  }
  return { isolated, allowed };
}

/** Ingress unless `policyTypes` says otherwise; egress when it says so, or when there are rules for it. */
function appliesTo(direction: Direction, { policyTypes, egress }: PolicySpec): boolean {
  const types = policyTypes ?? ['Ingress', ...(egress ? ['Egress'] : [])];
  return types.some((type) => type.toLowerCase() === direction);
}

function allowancesOf(
  direction: Direction,
  rule: Rule,
  namespace: string,
  pods: readonly PolicyPod[],
  world: PolicyWorld,
): Allowance[] {
  const peers = (direction === 'ingress' ? rule.from : rule.to) ?? [];
  if (peers.length === 0) return withPorts(direction, rule.ports, pods, undefined, world.pods);
  return peers.flatMap((peer) => {
    if (peer.ipBlock) {
      const block = { cidr: peer.ipBlock.cidr, except: peer.ipBlock.except ?? [] };
      // IPv6 addresses are nobody's here.
      return block.cidr.includes(':') ? [] : withPorts(direction, rule.ports, pods, block, world.pods);
    }
    const chosen = podsOf(peer, namespace, world);
    return chosen.length === 0 ? [] : withPorts(direction, rule.ports, pods, chosen, chosen);
  });
}

function podsOf({ podSelector, namespaceSelector }: Peer, namespace: string, world: PolicyWorld): PolicyPod[] {
  const ofPods = labelSelectorOf(podSelector ?? {});
  const ofNamespaces: LabelSelector | undefined = namespaceSelector && labelSelectorOf(namespaceSelector);
  const isIn = (name: string) =>
    ofNamespaces ? ofNamespaces.matches(world.namespaceLabels(name)) : name === namespace;
  return world.pods.filter((pod) => ofPods.matches(pod.labels) && isIn(pod.namespace));
}

/**
 * Ports by number hold for everybody. A port by name is what the pod that is spoken to calls so, which each may give
 * another number.
 * @param reached the pods among the peers, which are the ones spoken to on egress.
 */
function withPorts(
  direction: Direction,
  ports: readonly PolicyPort[] | undefined,
  pods: readonly PolicyPod[],
  peers: readonly PolicyPod[] | { cidr: string; except: readonly string[] } | undefined,
  reached: readonly PolicyPod[],
): Allowance[] {
  const addresses = addressesOf(pods);
  const others = isPods(peers) ? addressesOf(peers) : peers;
  const between = { pods: addresses, ...(others ? { peers: others } : {}) };
  if (!ports || ports.length === 0) return [between];
  const numbered = ports.filter(({ port }) => typeof port !== 'string').map(rangeOf);
  const allowed: Allowance[] = numbered.length > 0 ? [{ ...between, ports: numbered }] : [];
  for (const { port, protocol = 'TCP' } of ports) {
    if (typeof port !== 'string') continue;
    for (const pod of direction === 'ingress' ? pods : reached) {
      const number = numberOf(pod, port, protocol);
      if (number === undefined) continue;
      const own = direction === 'ingress' ? { pods: [pod.address] } : { peers: [pod.address] };
      allowed.push({ ...between, ...own, ports: [{ protocol, first: number, last: number }] });
    }
  }
  return allowed;
}

const addressesOf = (pods: readonly PolicyPod[]) => [...new Set(pods.map(({ address }) => address))];

function isPods(peers: readonly PolicyPod[] | object | undefined): peers is readonly PolicyPod[] {
  return Array.isArray(peers);
}

function rangeOf({ protocol = 'TCP', port, endPort }: PolicyPort): PortRange {
  return typeof port === 'number' ? { protocol, first: port, last: endPort ?? port } : { protocol };
}

function numberOf(pod: PolicyPod, name: string, protocol: Protocol): number | undefined {
  return pod.ports.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)?.containerPort;
}
