import type { PodSpec } from '../types.ts';
import { type ClusterEvent, mayHelp, type Plugin } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';

/**
 * The pods that no node took. Those that ask for the same and were refused for the same stand in one line: what does not
 * help the first of them helps none. So an event costs a look at each line, not at each pod, and of a line only the first
 * is tried; the next follows when it has found a node. (kube-scheduler tries all of them again.)
 */
export interface WaitingLines {
  /** Puts a pod at the end of its line. Returns that line. */
  join(pod: PodInfo, refusedBy: ReadonlySet<string>): Line;
  leave(key: string): void;
  /** Pods that an event may help, out of their lines: the first of each line if it is about a pod or a node, else all. */
  helpedBy(event: ClusterEvent): PodInfo[];
  /** All pods of lines that events about nodes helped, out of their lines: to be told what there is now. */
  outdated(): PodInfo[];
  /**
   * What became of a pod that was tried: it stands in a line again, or nowhere. Returns who is to be tried next: unless it
   * is back in the line that it came from, the first of that.
   */
  outcome(key: string, line: Line | undefined): PodInfo[];
  /** Pods that have waited for this many milliseconds, out of their lines. */
  since(age: number): PodInfo[];
}

export interface Line {
  readonly id: string;
  readonly refusedBy: ReadonlySet<string>;
  /** The claims that its pods use: a line for each pod that has any. */
  readonly claims: readonly string[];
  readonly pods: Map<string, { pod: PodInfo; at: number }>;
}

/** What these refuse depends on the pod's labels, or on which pod it is. */
const personal: ReadonlySet<string> = new Set(['InterPodAffinity', 'PodTopologySpread']);

export function createWaitingLines(plugins: readonly Plugin[]): WaitingLines {
  const lines = new Map<string, Line>();
  const lineOf = new Map<string, Line>();
  /** By a plugin that refused their pods, and by a claim that their pods use. */
  const byPlugin = new Map<string, Set<Line>>();
  const byClaim = new Map<string, Set<Line>>();
  /** The lines (ids) that pods came from which are being tried. */
  const tried = new Map<string, string>();
  /** Lines of which only the first has been tried since nodes changed: what the others say of nodes is out of date. */
  const outdated = new Set<Line>();

  function leave(key: string): void {
    const line = lineOf.get(key);
    if (!line) return;
    lineOf.delete(key);
    line.pods.delete(key);
    if (line.pods.size > 0) return;
    lines.delete(line.id);
    outdated.delete(line);
    for (const name of line.refusedBy) take(byPlugin, name, line);
    for (const claim of line.claims) take(byClaim, claim, line);
  }

  function call(line: Line, all: boolean): PodInfo[] {
    const called = all ? [...line.pods.values()] : [...line.pods.values().take(1)];
    for (const { pod } of called) {
      leave(pod.key);
      if (!all) tried.set(pod.key, line.id);
    }
    return called.map(({ pod }) => pod);
  }

  /** The lines that an event of this kind may help at all. */
  function concerned(event: ClusterEvent): Iterable<Line> {
    if (event.kind === 'claim') return byClaim.get(event.claim) ?? [];
    const found = new Set<Line>();
    for (const { name, helps } of plugins) {
      if (helps?.[event.kind]) for (const line of byPlugin.get(name) ?? []) found.add(line);
    }
    return found;
  }

  function helps(event: ClusterEvent, { refusedBy, pods }: Line): boolean {
    for (const { pod } of pods.values()) {
      return plugins.some((plugin) => refusedBy.has(plugin.name) && mayHelp(plugin, event, pod));
    }
    return false;
  }

  return {
    join(pod, refusedBy) {
      leave(pod.key);
      const id = shapeOf(pod, refusedBy);
      let line = lines.get(id);
      if (!line) {
        line = { id, refusedBy, claims: pod.claims, pods: new Map() };
        lines.set(id, line);
        for (const name of refusedBy) put(byPlugin, name, line);
        for (const claim of pod.claims) put(byClaim, claim, line);
      }
      line.pods.set(pod.key, { pod, at: performance.now() });
      lineOf.set(pod.key, line);
      return line;
    },
    leave,
    helpedBy(event) {
      const helped = [...concerned(event)].filter((line) => helps(event, line));
      if (event.kind === 'node') for (const line of helped) outdated.add(line);
      return helped.flatMap((line) => call(line, event.kind !== 'pod' && event.kind !== 'node'));
    },
    outdated() {
      const called = [...outdated].flatMap((line) => call(line, true));
      outdated.clear();
      return called;
    },
    outcome(key, line) {
      const id = tried.get(key);
      tried.delete(key);
      const from = id === undefined || id === line?.id ? undefined : lines.get(id);
      return from ? call(from, false) : [];
    },
    since(age) {
      const until = performance.now() - age;
      const old = [...lines.values()].flatMap(({ pods }) => [...pods.values()].filter(({ at }) => at <= until));
      for (const { pod } of old) leave(pod.key);
      return old.map(({ pod }) => pod);
    },
  };
}

/** What a pod asks for, as a text. A pod that room is being made for is one of a kind. */
function shapeOf({ pod, key, namespace, labels, claims, priority }: PodInfo, refusedBy: ReadonlySet<string>): string {
  const spec: PodSpec = pod.spec ?? { containers: [] };
  const { containers, initContainers = [], overhead, resources, nodeSelector, preemptionPolicy } = spec;
  const { affinity, tolerations, topologySpreadConstraints } = spec;
  const isPersonal = pod.status?.nominatedNodeName !== undefined || refusedBy.size === 0;
  return JSON.stringify([
    [...refusedBy],
    isPersonal || claims.length > 0 ? key : namespace,
    [...refusedBy].some((name) => personal.has(name)) ? labels : null,
    [priority, preemptionPolicy, overhead, resources, nodeSelector, affinity, tolerations, topologySpreadConstraints],
    [...containers, ...initContainers].map((each) => [each.resources?.requests, each.ports, each.restartPolicy]),
  ]);
}

function put(sets: Map<string, Set<Line>>, key: string, line: Line): void {
  const lines = sets.get(key) ?? new Set();
  sets.set(key, lines.add(line));
}

function take(sets: Map<string, Set<Line>>, key: string, line: Line): void {
  const lines = sets.get(key);
  if (lines?.delete(line) && lines.size === 0) sets.delete(key);
}
