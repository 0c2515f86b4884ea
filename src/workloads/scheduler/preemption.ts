import { selectorOf } from '../selectors.ts';
import type { Pod } from '../types.ts';
import type { PodDisruptionBudget } from './budgets.ts';
import type { Cluster } from './cluster.ts';
import { explainRefusals } from './explain.ts';
import type { NodeInfo } from './node-info.ts';
import type { Unplaced } from './placer.ts';
import { type Filter, type Refusal, refusal } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

/** Which pods have to go from which node, or why that would not help. */
export type Preemption = { readonly node: string; readonly victims: readonly PodInfo[] } | Refused;

export interface Refused {
  readonly why: string;
  /** No node could be made to take it, now or soon: it is not to wait for one. */
  readonly isHopeless: boolean;
}

const helpless = refusal('DefaultPreemption', 'Preemption is not helpful for scheduling', { final: true });
const nobody = refusal('DefaultPreemption', 'No preemption victims found for incoming pod', { final: true });

/** The nodes that are tried: all up to so many, of more a tenth. */
const [leastCandidates, candidateShare] = [100, 0.1];

interface Candidate {
  readonly node: NodeInfo;
  /** The most important first. */
  readonly victims: readonly PodInfo[];
  /** How many of them their disruption budgets would rather keep. */
  readonly violations: number;
}

/**
 * Looks for pods of lower priority that make room for one by going (DefaultPreemption): on the node where that does the
 * least harm, and no more of them than needed. Nothing is done about it here.
 */
export function preempt(
  pod: PodInfo,
  unplaced: Unplaced,
  cluster: Cluster,
  budgets: readonly PodDisruptionBudget[],
): Preemption {
  const ineligible = ineligibility(pod, unplaced, cluster);
  if (ineligible) return { why: ineligible, isHopeless: false };
  const worthwhile = [...unplaced.refusals].filter(([, { final }]) => !final).map(([node]) => node);
  const tried = new Map<NodeInfo, Refusal>();
  const candidates: Candidate[] = [];
  const enough = Math.max(leastCandidates, Math.trunc(worthwhile.length * candidateShare));
  const begin = Math.floor(Math.random() * worthwhile.length);
  for (let index = 0; index < worthwhile.length; index++) {
    const node = worthwhile[(begin + index) % worthwhile.length] as NodeInfo;
    const found = victimsOn(node, pod, unplaced.filter, cluster, budgets);
    if ('reasons' in found) tried.set(node, found);
    else candidates.push(found);
    if (candidates.length >= enough && candidates.some(({ violations }) => violations === 0)) break;
  }
  const best = leastHarm(candidates);
  if (best) return { node: best.node.name, victims: best.victims };
  const all = cluster.nodes.map((node) => tried.get(node) ?? helpless);
  return { why: explainRefusals(all, cluster.nodes.length), isHopeless: true };
}

function ineligibility(pod: PodInfo, { refusals }: Unplaced, cluster: Cluster): string | undefined {
  if (pod.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = cluster.node(pod.pod.status?.nominatedNodeName ?? '');
  if (!nominated || refusals.get(nominated)?.final) return undefined;
  const isMakingRoom = [...nominated.pods.values()].some(
    (other) => other.priority < pod.priority && isPreempted(other),
  );
  return isMakingRoom ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

function isPreempted({ pod, terminating }: PodInfo): boolean {
  const target = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return terminating && target?.status === 'True' && target.reason === 'PreemptionByScheduler';
}

function victimsOn(
  node: NodeInfo,
  pod: PodInfo,
  filter: Filter,
  cluster: Cluster,
  budgets: readonly PodDisruptionBudget[],
): Candidate | Refusal {
  const lower = [...node.pods.values()].filter(({ priority }) => priority < pod.priority).sort(moreImportantFirst);
  if (lower.length === 0) return nobody;
  const remove = (other: PodInfo) => cluster.count(other, node.name, -1);
  const restore = (other: PodInfo) => cluster.count(other, node.name, 1);
  lower.forEach(remove);
  const refused = filter(node);
  if (refused) {
    lower.forEach(restore);
    return refused;
  }
  const { violating, others } = byBudget(lower, budgets);
  const victims: PodInfo[] = [];
  let violations = 0;
  for (const other of [...violating, ...others]) {
    restore(other);
    if (!filter(node)) continue;
    remove(other);
    victims.push(other);
    if (violating.has(other)) violations += 1;
  }
  victims.forEach(restore);
  return { node, victims: victims.sort(moreImportantFirst), violations };
}

/** By priority, and of equals those that have run for longer. */
function moreImportantFirst(a: PodInfo, b: PodInfo): number {
  return b.priority - a.priority || startOf(a) - startOf(b);
}

const startOf = ({ pod }: PodInfo): number => Date.parse(pod.status?.startTime ?? '') || Date.now();

/** Which of the pods their disruption budgets do not let go, if all of them went in this order. */
function byBudget(pods: readonly PodInfo[], budgets: readonly PodDisruptionBudget[]) {
  const allowed = new Map(budgets.map((budget) => [budget, budget.status?.disruptionsAllowed ?? 0]));
  const violating = new Set<PodInfo>();
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let isViolated = false;
    for (const budget of budgets) {
      if (!covers(budget, pod.pod) || budget.status?.disruptedPods?.[pod.pod.metadata.name]) continue;
      const left = (allowed.get(budget) ?? 0) - 1;
      allowed.set(budget, left);
      isViolated ||= left < 0;
    }
    if (isViolated) violating.add(pod);
    else others.push(pod);
  }
  return { violating, others };
}

function covers({ metadata, spec }: PodDisruptionBudget, { metadata: pod }: Pod): boolean {
  if (metadata.namespace !== pod.namespace || !spec?.selector || !pod.labels) return false;
  const selector = selectorOf(spec.selector);
  return !selector.empty && selector.matches(pod.labels);
}

/** What a sum of priorities adds to each, so that fewer victims are always better than more. */
const priorityOffset = 2 ** 31;

/** Upstream's order: budgets, the highest priority, their sum, how many, and those that began last. */
function leastHarm(candidates: readonly Candidate[]): Candidate | undefined {
  const measures: ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => victims[0]?.priority ?? 0,
    ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + priorityOffset, 0),
    ({ victims }) => victims.length,
    ({ victims }) => -earliestOfHighest(victims),
  ];
  let left = candidates;
  for (const measure of measures) {
    if (left.length <= 1) break;
    const amounts = left.map(measure);
    const least = Math.min(...amounts);
    left = left.filter((_, index) => amounts[index] === least);
  }
  return left[0];
}

function earliestOfHighest(victims: readonly PodInfo[]): number {
  const highest = victims[0]?.priority;
  return Math.min(...victims.filter(({ priority }) => priority === highest).map(startOf));
}
