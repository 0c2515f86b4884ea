import type { ClusterEvent, Plugin } from './plugin.ts';
import type { PodInfo } from './pod-info.ts';
import { createWaitingLines } from './waiting-lines.ts';

/** Milliseconds that a pod waits after its first and after any further attempt that came to nothing. */
const [firstBackoff, longestBackoff] = [1000, 10_000];
/** Nodes come in droves: how long after one has come all that wait are told, and not just the first of each line. */
const tellingDelay = 3000;
/** Pods that nothing helped in this time are tried again all the same: what helps may have gone unseen. */
const longestWait = 300_000;

/** The pods that wait for a node: the highest priority first, and the order of arrival among equals. */
export interface SchedulingQueue {
  /** A new pod, or one that has changed: it is tried at once. */
  add(pod: PodInfo): void;
  /** Deleted, or on a node. */
  remove(key: string): void;
  /** The next pod to try, or undefined if there is none now. */
  next(): PodInfo | undefined;
  /** No node took it: it waits for an event that may help with what these plugins refused. */
  refused(pod: PodInfo, plugins: ReadonlySet<string>): void;
  /** It was put on a node. */
  placed(pod: PodInfo): void;
  /** Something went wrong: it is tried again after its back-off. */
  failed(pod: PodInfo): void;
  happened(event: ClusterEvent): void;
  /** How many pods may be tried now. */
  readonly length: number;
  /** The keys that wait for their turn, and not for an event. */
  pending(): string[];
  stop(): void;
}

/** @param wake called when there may be something to try. */
export function createSchedulingQueue(plugins: readonly Plugin[], wake: () => void): SchedulingQueue {
  /** Pods to try now by priority, and in order of arrival. */
  const ready = new Map<number, Map<string, PodInfo>>();
  const priorityOf = new Map<string, number>();
  const attempts = new Map<string, number>();
  const delayed = new Map<string, { pod: PodInfo; timer: NodeJS.Timeout }>();
  const lines = createWaitingLines(plugins);
  /** The highest priority that may have pods ready. */
  let highest = Number.NEGATIVE_INFINITY;
  let telling: NodeJS.Timeout | undefined;
  let stopped = false;

  function enqueue(pod: PodInfo): void {
    if (stopped) return;
    leave(pod.key);
    let lane = ready.get(pod.priority);
    if (!lane) {
      lane = new Map();
      ready.set(pod.priority, lane);
    }
    lane.set(pod.key, pod);
    priorityOf.set(pod.key, pod.priority);
    highest = Math.max(highest, pod.priority);
    wake();
  }

  /** Takes a key out of wherever it is. */
  function leave(key: string): void {
    const priority = priorityOf.get(key);
    if (priority !== undefined) {
      const lane = ready.get(priority);
      lane?.delete(key);
      if (lane?.size === 0) ready.delete(priority);
      priorityOf.delete(key);
    }
    const wait = delayed.get(key);
    if (wait) clearTimeout(wait.timer);
    delayed.delete(key);
    lines.leave(key);
  }

  function later(pod: PodInfo): void {
    if (stopped) return;
    const count = attempts.get(pod.key) ?? 1;
    const delay = Math.min(firstBackoff * 2 ** (count - 1), longestBackoff);
    delayed.set(pod.key, { pod, timer: setTimeout(() => enqueue(pod), delay) });
  }

  const patience = setInterval(() => {
    for (const pod of lines.since(longestWait)) enqueue(pod);
  }, longestWait / 10);
  patience.unref();

  return {
    add: enqueue,
    remove(key) {
      leave(key);
      attempts.delete(key);
      for (const pod of lines.outcome(key, undefined)) enqueue(pod);
    },
    next() {
      if (ready.size === 0) return undefined;
      if (!ready.has(highest)) highest = Math.max(...ready.keys());
      for (const [key, pod] of ready.get(highest) ?? []) {
        leave(key);
        attempts.set(key, (attempts.get(key) ?? 0) + 1);
        return pod;
      }
      return undefined;
    },
    refused(pod, by) {
      for (const next of lines.outcome(pod.key, lines.join(pod, by))) enqueue(next);
    },
    placed(pod) {
      attempts.delete(pod.key);
      for (const next of lines.outcome(pod.key, undefined)) enqueue(next);
    },
    failed: later,
    happened(event) {
      for (const pod of lines.helpedBy(event)) enqueue(pod);
      if (event.kind !== 'node' || telling || stopped) return;
      telling = setTimeout(() => {
        telling = undefined;
        for (const pod of lines.outdated()) enqueue(pod);
      }, tellingDelay);
      telling.unref();
    },
    get length() {
      return priorityOf.size;
    },
    pending: () => [...priorityOf.keys(), ...delayed.keys()],
    stop() {
      stopped = true;
      clearInterval(patience);
      clearTimeout(telling);
      for (const { timer } of delayed.values()) clearTimeout(timer);
      delayed.clear();
      ready.clear();
      priorityOf.clear();
    },
  };
}
