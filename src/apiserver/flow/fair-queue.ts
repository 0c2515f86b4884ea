/** A request that waits for its turn. */
export interface Waiting {
  flow: string;
  /** How much it takes: seats. */
  cost: number;
  start(): void;
}

interface Flow {
  /** The virtual time at which its next request is due. */
  due: number;
  requests: Waiting[];
}

/**
 * Requests of many flows, handed out so that flows that wait get equal shares by cost, however many requests each has:
 * start-time fair queuing (Goyal, Vin and Cheng, 1996). A flow gets its turn after at most one request of each other flow.
 */
export interface FairQueue {
  readonly length: number;
  lengthOf(flow: string): number;
  push(request: Waiting): void;
  /** The request whose turn it is among the flows whose first may start; it stays where it is. */
  next(mayStart: (request: Waiting) => boolean): Waiting | undefined;
  /** Takes a request that starts, and counts its cost against its flow. */
  take(request: Waiting): void;
  /** Takes a request that starts no more. */
  drop(request: Waiting): void;
}

export function createFairQueue(): FairQueue {
  /** Those that wait, and those whose last request put them ahead of the others. */
  const flows = new Map<string, Flow>();
  let now = 0;
  let length = 0;

  function remove(request: Waiting): Flow | undefined {
    const flow = flows.get(request.flow);
    const index = flow?.requests.indexOf(request) ?? -1;
    if (!flow || index < 0) return undefined;
    flow.requests.splice(index, 1);
    length--;
    // With nobody waiting there is nobody to be ahead of.
    if (length === 0) flows.clear();
    return flow;
  }

  return {
    get length() {
      return length;
    },
    lengthOf: (flow) => flows.get(flow)?.requests.length ?? 0,
    push(request) {
      length++;
      const flow = flows.get(request.flow);
      if (!flow) flows.set(request.flow, { due: now, requests: [request] });
      else {
        if (flow.requests.length === 0) flow.due = Math.max(flow.due, now);
        flow.requests.push(request);
      }
    },
    next(mayStart) {
      let found: Waiting | undefined;
      let due = Infinity;
      for (const [name, flow] of flows) {
        const [first] = flow.requests;
        if (!first) {
          if (flow.due <= now) flows.delete(name);
        } else if (flow.due < due && mayStart(first)) {
          found = first;
          due = flow.due;
        }
      }
      return found;
    },
    take(request) {
      const flow = remove(request);
      if (!flow) return;
      now = Math.max(now, flow.due);
      flow.due += request.cost;
    },
    drop(request) {
      remove(request);
    },
  };
}
