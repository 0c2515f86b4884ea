import type { GroupResource } from '../contracts.ts';
import type { Backend } from '../store/backend.ts';
import { Entry } from '../store/entry.ts';
import { keyOfPath, resourcePrefix } from '../store/path.ts';
import { createLabelIndex } from './label-index.ts';
import { OrderedEntries } from './order.ts';
import { type ChangeEvent, EventRing } from './ring.ts';
import type { Selection } from './selection.ts';

/** Events kept in memory for one resource: a watcher that is further behind than this starts over with a list. */
const RING_CAPACITY = 8_192;

/** A consistent picture of a resource's committed objects, and the changes that led to it: what GET, LIST and WATCH read. */
export interface ResourceCache {
  readonly resource: GroupResource;
  readonly entries: OrderedEntries;
  readonly ring: EventRing;
  /** Fewer objects to look at than `entries` where an index knows them: a superset of the selection, in order. */
  candidates(selection: Selection): OrderedEntries;
  /** Takes in a committed change; called in the order of revisions. */
  publish(event: ChangeEvent): void;
  /** Tells watchers that a batch of changes is in. */
  notify(): void;
  /** Makes the ring reach back to a revision, from the log if need be. False when it is compacted. */
  reach(revision: number): boolean;
  /** Called once a batch; returns the way to stop it. */
  onBatch(listener: () => void): () => void;
  /** Called for every change. */
  onChange(listener: (event: ChangeEvent) => void): () => void;
}

/** Loads a resource from the database; the ring starts empty at the newest committed revision. */
export function createResourceCache(resource: GroupResource, backend: Backend): ResourceCache {
  const entries = new OrderedEntries();
  const prefix = resourcePrefix(resource);
  for (const record of backend.objects(prefix)) entries.set(entryOf(record));
  const labels = createLabelIndex(entries);
  const ring = new EventRing(backend.revision, RING_CAPACITY);
  const batchListeners = new Set<() => void>();
  const changeListeners = new Set<(event: ChangeEvent) => void>();

  /** Events from before this process, or before the resource was first used. */
  function readBack(): void {
    const events: ChangeEvent[] = [];
    for (const record of backend.log(backend.floor, ring.startRevision)) {
      if (record.path.startsWith(prefix)) events.push(eventOf(record, backend));
    }
    ring.prepend(events, backend.floor);
  }

  return {
    resource,
    entries,
    ring,
    candidates: (selection) => (selection.labels ? labels.candidates(selection.labels) : entries),
    publish(event) {
      const after = event.type === 'DELETED' ? undefined : event.entry;
      if (after) entries.set(after);
      else entries.delete(event.entry.namespace, event.entry.name);
      labels.update(event.previous, after);
      ring.push(event);
      for (const listener of changeListeners) listener(event);
    },
    notify() {
      for (const listener of batchListeners) listener();
    },
    reach(revision) {
      if (revision >= ring.startRevision) return true;
      if (revision < backend.floor) return false;
      readBack();
      return revision >= ring.startRevision;
    },
    onBatch(listener) {
      batchListeners.add(listener);
      return () => batchListeners.delete(listener);
    },
    onChange(listener) {
      changeListeners.add(listener);
      return () => changeListeners.delete(listener);
    },
  };
}

function entryOf(record: { path: string; revision: number; bytes: Buffer | undefined }): Entry {
  return Entry.fromBytes(keyOfPath(record.path), record.revision, record.bytes ?? Buffer.from('{}'));
}

function eventOf(record: ReturnType<Backend['record']> & object, backend: Backend): ChangeEvent {
  const before = record.previous > 0 ? backend.record(record.previous) : undefined;
  const previous = before && entryOf(before);
  const entry = record.bytes || !previous ? entryOf(record) : previous.at(record.revision);
  const type = record.bytes === undefined ? 'DELETED' : previous ? 'MODIFIED' : 'ADDED';
  return { type, revision: record.revision, entry, previous, frames: undefined };
}
