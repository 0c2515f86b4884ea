import type { KubeObject } from '../../machinery/index.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';

/** A PriorityLevelConfiguration, as far as sharing seats needs it. */
export interface LevelSpec {
  name: string;
  uid: string;
  exempt: boolean;
  shares: number;
  /** What others may borrow while it is not needed, and what this level may borrow, in percent of its own seats. */
  lendablePercent: number;
  borrowingPercent: number | undefined;
  /** undefined: what finds no seat is turned away at once. */
  queuing: { perFlow: number; total: number } | undefined;
}

/** The level that an object describes; upstream's defaults where it leaves something out. */
export function levelOf({ metadata, spec = {} }: KubeObject): LevelSpec {
  const { type, limited = {} } = spec as {
    type?: string;
    limited?: {
      nominalConcurrencyShares?: number;
      lendablePercent?: number;
      borrowingLimitPercent?: number;
      limitResponse?: { type?: string; queuing?: { queues?: number; handSize?: number; queueLengthLimit?: number } };
    };
  };
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = limited.limitResponse?.queuing ?? {};
  const queuing = { perFlow: handSize * queueLengthLimit, total: queues * queueLengthLimit };
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    exempt: type === 'Exempt',
    shares: limited.nominalConcurrencyShares ?? 30,
    lendablePercent: limited.lendablePercent ?? 0,
    borrowingPercent: limited.borrowingLimitPercent,
    queuing: limited.limitResponse?.type === 'Queue' ? queuing : undefined,
  };
}

const mandatory = { uid: '', shares: 0, lendablePercent: 0, borrowingPercent: undefined, queuing: undefined };

/** The two levels that always are, whatever objects there are. */
export const MANDATORY_LEVELS: readonly LevelSpec[] = [
  { ...mandatory, name: 'exempt', exempt: true },
  { ...mandatory, name: 'catch-all', exempt: false, shares: 5 },
];

/** One priority level at work. */
export interface Level {
  spec: LevelSpec;
  /** Seats of its own (upstream's nominal limit). */
  nominal: number;
  /** Seats that its requests hold now. */
  executing: number;
  /** How far its requests have come in their share of the server's time. */
  virtualTime: number;
  readonly queue: FairQueue;
  /** What each flow holds now. */
  readonly holding: Map<string, Holding>;
}

interface Holding {
  seats: number;
  /** Requests of more than one seat: long lists. */
  large: number;
}

/** Counts what a request takes, or with a negative sign gives back. */
export function hold(level: Level, flow: string, cost: number, sign: 1 | -1): void {
  const held = level.holding.get(flow) ?? { seats: 0, large: 0 };
  level.executing += sign * cost;
  held.seats += sign * cost;
  if (cost > 1) held.large += sign;
  if (held.seats > 0) level.holding.set(flow, held);
  else level.holding.delete(flow);
}

/** One thread writes all answers: more long lists at a time would only make each of them slower, and all others with them. */
const LARGE_AT_ONCE = 4;

/** True when a flow may have one more request of that cost under way, beside those that it has. */
export function mayGoOn({ holding }: Level, flow: string, cost: number): boolean {
  return cost === 1 || (holding.get(flow)?.large ?? 0) < LARGE_AT_ONCE;
}

/** What one flow may hold of a level's own seats while others may want some: a client that stalls keeps no more than this. */
const SHARE_OF_A_FLOW = 0.5;

/** True when a flow may start one more request: every flow may always have one. */
export function mayHoldMore({ spec, nominal, holding }: Level, flow: string): boolean {
  if (!spec.queuing) return true;
  const held = holding.get(flow)?.seats ?? 0;
  return held === 0 || held < nominal * SHARE_OF_A_FLOW;
}

export function createLevel(spec: LevelSpec): Level {
  return { spec, nominal: 0, executing: 0, virtualTime: 0, queue: createFairQueue(), holding: new Map() };
}

/** Divides the seats of the server among levels by their shares. */
export function divideSeats(levels: Iterable<Level>, seats: number): void {
  const all = [...levels];
  const shares = all.reduce((sum, { spec }) => sum + spec.shares, 0);
  for (const level of all) level.nominal = shares === 0 ? 0 : Math.ceil((seats * level.spec.shares) / shares);
}

/**
 * True when a level may hold so many more seats: of its own, or of what others lend and do not use now. A single request
 * is never too large for an empty level.
 */
export function hasSeats(level: Level, wanted: number, levels: Iterable<Level>): boolean {
  if (level.executing + wanted <= level.nominal || level.executing === 0) return true;
  const { borrowingPercent } = level.spec;
  const most = borrowingPercent === undefined ? Infinity : level.nominal * (1 + borrowingPercent / 100);
  if (level.executing + wanted > most) return false;
  let lendable = 0;
  for (const other of levels) {
    const borrowed = Math.max(0, other.executing - other.nominal);
    const spare = Math.min((other.nominal * other.spec.lendablePercent) / 100, other.nominal - other.executing);
    lendable += other === level ? -borrowed : Math.max(0, spare) - (other.spec.exempt ? 0 : borrowed);
  }
  return wanted - Math.max(0, level.nominal - level.executing) <= lendable;
}

/** True when one more request of a flow may wait here. */
export function hasRoom({ spec, queue }: Level, flow: string): boolean {
  const { perFlow, total } = spec.queuing ?? { perFlow: 0, total: 0 };
  return queue.length < total && queue.lengthOf(flow) < perFlow;
}
