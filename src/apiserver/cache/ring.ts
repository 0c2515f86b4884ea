import type { Entry } from '../store/entry.ts';

/** One committed change of one object. */
export interface ChangeEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  /** The object after the change; for DELETED its last state at the revision of the deletion. */
  readonly entry: Entry;
  /** The object before the change. */
  readonly previous: Entry | undefined;
  /** What was already rendered for this event, shared by every watcher that wants the same (http/watch-stream.ts). */
  frames: Map<string, Buffer> | undefined;
}

/** Events whose frames are kept for the watchers to come: most are close behind, and a slow one renders its own. */
const SHARED = 512;

/** The newest changes of a resource. Positions count up for ever; the oldest events fall off. */
export class EventRing {
  #events: ChangeEvent[] = [];
  /** The position of #events[0]. */
  #first = 0;
  #startRevision: number;
  readonly #capacity: number;

  constructor(startRevision: number, capacity: number) {
    this.#startRevision = startRevision;
    this.#capacity = capacity;
  }

  /** Every change after this revision is in the ring. */
  get startRevision(): number {
    return this.#startRevision;
  }

  get firstPosition(): number {
    return this.#first;
  }

  get endPosition(): number {
    return this.#first + this.#events.length;
  }

  at(position: number): ChangeEvent | undefined {
    return this.#events[position - this.#first];
  }

  push(event: ChangeEvent): void {
    this.#events.push(event);
    const passed = this.#events.at(-1 - SHARED);
    if (passed) passed.frames = undefined;
    // Dropped a quarter at a time, so that each event costs a constant share of the move.
    if (this.#events.length >= this.#capacity * 1.25) this.#drop(this.#events.length - this.#capacity);
  }

  /** Puts older events in front, as read back from the log. */
  prepend(events: ChangeEvent[], startRevision: number): void {
    this.#events = [...events, ...this.#events];
    this.#first -= events.length;
    this.#startRevision = startRevision;
  }

  /** Lets go of events up to a revision. */
  forget(revision: number): void {
    this.#drop(this.positionAfter(revision) - this.#first);
  }

  /** The position of the first event after a revision that the ring covers. */
  positionAfter(revision: number): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle] as ChangeEvent).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#first + low;
  }

  #drop(count: number): void {
    const dropped = this.#events.splice(0, count);
    this.#first += dropped.length;
    this.#startRevision = dropped.at(-1)?.revision ?? this.#startRevision;
  }
}
