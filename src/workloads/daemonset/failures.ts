/** How long to leave failed pods alone, node by node: a node that refuses a daemon is not asked without end. */
export interface Failures {
  /**
   * Asks to delete a failed pod of this set (its key, and a text that changes with each of its templates) on this node.
   * @returns 0 if it may be deleted now; otherwise for how many milliseconds it has to wait.
   */
  attempt(key: string, template: string, node: string): number;
  forget(key: string): void;
}

interface Waiting {
  template: string;
  nodes: Map<string, { wait: number; since: number }>;
}

/** Milliseconds. */
const firstWait = 1000;
const longestWait = 15 * 60_000;

export function createFailures(now: () => number = () => performance.now()): Failures {
  const sets = new Map<string, Waiting>();
  return {
    attempt(key, template, node) {
      let waiting = sets.get(key);
      if (waiting?.template !== template) {
        waiting = { template, nodes: new Map() };
        sets.set(key, waiting);
      }
      const last = waiting.nodes.get(node);
      const passed = last ? now() - last.since : 0;
      if (last && passed < last.wait) return last.wait - passed;
      // What has gone well for long is as good as new.
      const isOld = !last || passed > 2 * longestWait;
      waiting.nodes.set(node, { wait: isOld ? firstWait : Math.min(last.wait * 2, longestWait), since: now() });
      return 0;
    },
    forget: (key) => void sets.delete(key),
  };
}
