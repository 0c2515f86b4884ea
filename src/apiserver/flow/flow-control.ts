import { ApiError, type KubeObject } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import { createHistogram, type Histogram } from '../exposition.ts';
import type { Store } from '../store/store.ts';
import type { Waiting } from './fair-queue.ts';
import {
  createLevel,
  divideSeats,
  hasRoom,
  hasSeats,
  hold,
  type Level,
  levelOf,
  MANDATORY_LEVELS,
  mayGoOn,
  mayHoldMore,
} from './level.ts';
import { type FlowSchema, MANDATORY_SCHEMAS, matches, schemaOf } from './schema.ts';

/** Upstream's --max-requests-inflight and --max-mutating-requests-inflight together. */
const SERVER_SEATS = 600;
/** How long requests may be started in one turn of the event loop, in milliseconds, before what else came in has its turn. */
const TURN = 5;
/** What is started of what waits in one turn, in seats. */
const COST_OF_A_TURN = 10;
/** Upstream's bounds for waiting, in seconds. */
const WAITS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const GROUP = 'flowcontrol.apiserver.k8s.io';

/** Where a request was sorted to. The uids are '' where there are no objects that say so. */
export interface Admission {
  readonly schema: FlowSchema;
  readonly level: Level;
  seat(): Seat | Promise<Seat>;
}

/** What a request holds while it is served. */
export interface Seat {
  /** Gives the seat back; more than once does nothing. */
  release(): void;
}

/** Where a request was sorted to. */
interface Place {
  schema: FlowSchema;
  level: Level;
  flow: string;
}

/** Counts of one schema. */
export interface FlowCounts {
  dispatched: number;
  rejected: number;
  executing: number;
  waiting: number;
  /** How long requests waited, in seconds. */
  readonly waits: Histogram;
}

export interface FlowControl {
  /**
   * Sorts a request, and finds it a seat: at once while there are enough, which is nearly always.
   * @param cost in seats.
   * @param onGone calls back when the client does not wait any more; used only if the request has to wait.
   * @returns where the request was sorted to; `seat` throws ApiError 429 when too many wait already.
   */
  admit(user: UserInfo, info: RequestInfo, cost: number, onGone: (leave: () => void) => void): Admission;
  readonly levels: Iterable<Level>;
  counts(): Iterable<[FlowSchema, FlowCounts]>;
  stop(): void;
}

/** 429 for a request that finds neither a seat nor room to wait. */
export class TooManyRequests extends ApiError {
  constructor() {
    super(429, 'TooManyRequests', 'Too many requests, please try again later.', { retryAfterSeconds: 1 });
  }
}

/**
 * API Priority and Fairness (KEP-1040): FlowSchemas sort requests into priority levels, which share the server's seats; within
 * a level flows take turns. Edits of the objects hold from the next request on. As one thread serves all requests, what is
 * shared is its time as well: requests beyond a few milliseconds of one turn of the event loop wait for the next, in
 * fair order, so that a client with a thousand connections gets no more than one with a single one.
 */
export function createFlowControl(store: Store, seats = SERVER_SEATS): FlowControl {
  let schemas: FlowSchema[] = [];
  const levels = new Map<string, Level>();
  const counts = new Map<string, FlowCounts>();
  let stale = true;
  let turnEnds = 0;
  let virtualTime = 0;
  let waiting = 0;
  let pumping = false;

  const cacheOf = (resource: string) => store.cache({ group: GROUP, resource });
  const subscriptions = ['flowschemas', 'prioritylevelconfigurations'].map((resource) =>
    cacheOf(resource).onChange(() => {
      stale = true;
    }),
  );

  function* objects(resource: string): Iterable<KubeObject> {
    for (const entry of cacheOf(resource).entries.from('')) yield entry.object;
  }

  function reload(): void {
    stale = false;
    const specs = new Map(MANDATORY_LEVELS.map((spec) => [spec.name, spec]));
    for (const object of objects('prioritylevelconfigurations')) specs.set(object.metadata.name, levelOf(object));
    for (const name of levels.keys()) if (!specs.has(name)) levels.delete(name);
    for (const [name, spec] of specs) {
      const level = levels.get(name);
      if (level) level.spec = spec;
      else levels.set(name, createLevel(spec));
    }
    divideSeats(levels.values(), seats);
    const all = new Map(MANDATORY_SCHEMAS.map((schema) => [schema.name, schema]));
    for (const object of objects('flowschemas')) all.set(object.metadata.name, schemaOf(object));
    // One that names a level that is not there sorts nothing, as upstream has it.
    schemas = [...all.values()].filter(({ level }) => levels.has(level));
    schemas.sort((a, b) => a.precedence - b.precedence || (a.name < b.name ? -1 : 1));
    for (const name of counts.keys()) if (!all.has(name)) counts.delete(name);
  }

  function countsOf({ name }: FlowSchema): FlowCounts {
    let found = counts.get(name);
    if (!found) {
      found = { dispatched: 0, rejected: 0, executing: 0, waiting: 0, waits: createHistogram(WAITS) };
      counts.set(name, found);
    }
    return found;
  }

  function seatOf({ schema, level, flow }: Place, cost: number, waited = 0): Seat {
    const count = countsOf(schema);
    count.waits.observe(waited);
    count.dispatched++;
    count.executing++;
    hold(level, flow, cost, 1);
    let held = true;
    return {
      release() {
        if (!held) return;
        held = false;
        count.executing--;
        hold(level, flow, cost, -1);
        if (waiting > 0) pump();
      },
    };
  }

  /** True while this turn of the event loop has time for another request. */
  function inTurn(): boolean {
    const now = performance.now();
    if (turnEnds === 0) {
      turnEnds = now + TURN;
      setImmediate(() => {
        turnEnds = 0;
      });
    }
    return now < turnEnds;
  }

  /** Starts what waits: some in each of the next turns of the event loop, as long as there are seats. */
  function pump(): void {
    if (pumping) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      let next = nextToStart();
      for (let started = 0; next && started < COST_OF_A_TURN; next = nextToStart()) {
        started += next.request.cost;
        start(next.level, next.request);
      }
      // Without seats the next release goes on.
      if (next) pump();
    });
  }

  /** The request whose turn it is on the level that is furthest behind its share. */
  function nextToStart(): { level: Level; request: Waiting } | undefined {
    let found: { level: Level; request: Waiting } | undefined;
    for (const level of levels.values()) {
      if (level.queue.length === 0 || (found && found.level.virtualTime <= level.virtualTime)) continue;
      const request = level.queue.next(({ flow, cost }) => mayHoldMore(level, flow) && mayGoOn(level, flow, cost));
      if (request && hasSeats(level, request.cost, levels.values())) found = { level, request };
    }
    return found;
  }

  function start(level: Level, request: Waiting): void {
    virtualTime = Math.max(virtualTime, level.virtualTime);
    level.virtualTime += request.cost / Math.max(1, level.nominal);
    level.queue.take(request);
    waiting--;
    request.start();
  }

  function wait(place: Place, cost: number, onGone: (leave: () => void) => void): Promise<Seat> {
    const { schema, level, flow } = place;
    const began = performance.now();
    const count = countsOf(schema);
    const { promise, resolve, reject } = Promise.withResolvers<Seat>();
    if (level.queue.length === 0) level.virtualTime = Math.max(level.virtualTime, virtualTime);
    const begin = (): void => {
      count.waiting--;
      resolve(seatOf(place, cost, (performance.now() - began) / 1000));
    };
    const request = { flow, cost, start: begin };
    level.queue.push(request);
    waiting++;
    count.waiting++;
    onGone(() => {
      const before = level.queue.length;
      level.queue.drop(request);
      if (level.queue.length === before) return;
      waiting--;
      count.waiting--;
      reject(new Error('the client hung up while its request waited'));
    });
    pump();
    return promise;
  }

  function seatFor(place: Place, cost: number, onGone: (leave: () => void) => void): Seat | Promise<Seat> {
    const { schema, level, flow } = place;
    if (level.spec.exempt) return seatOf(place, cost);
    // Each that waits already will want a seat.
    const free = hasSeats(level, cost + level.queue.length, levels.values()) && mayHoldMore(level, flow);
    if (free && level.queue.length === 0 && mayGoOn(level, flow, cost) && inTurn()) return seatOf(place, cost);
    // What has only to wait for its turn is not turned away.
    if (free || hasRoom(level, flow)) return wait(place, cost, onGone);
    countsOf(schema).rejected++;
    throw new TooManyRequests();
  }

  function placeOf(user: UserInfo, info: RequestInfo): Place {
    if (stale) reload();
    const schema = schemas.find((one) => matches(one, user, info)) ?? (MANDATORY_SCHEMAS.at(-1) as FlowSchema);
    return { schema, level: levels.get(schema.level) as Level, flow: flowOf(schema, user, info) };
  }

  return {
    admit(user, info, cost, onGone) {
      const place = placeOf(user, info);
      return { schema: place.schema, level: place.level, seat: () => seatFor(place, cost, onGone) };
    },
    get levels() {
      if (stale) reload();
      return levels.values();
    },
    *counts() {
      for (const schema of schemas) yield [schema, countsOf(schema)];
    },
    stop() {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

/** What a request is counted with: its user, its namespace, or all of the schema. */
function flowOf({ name, distinguisher }: FlowSchema, user: UserInfo, info: RequestInfo): string {
  if (distinguisher === 'ByUser') return `${name} ${user.username}`;
  return distinguisher === 'ByNamespace' ? `${name} ${info.namespace}` : name;
}
