import { ApiError, type KubeObject } from '../../machinery/index.ts';
import { createResourceCache, type ResourceCache } from '../cache/cache.ts';
import type { ChangeEvent } from '../cache/ring.ts';
import type { GroupResource } from '../contracts.ts';
import type { Backend, LogRecord } from './backend.ts';
import { Entry } from './entry.ts';
import { objectPath } from './path.ts';
import { spaceExceeded } from './quota.ts';

export interface Key {
  /** '' for cluster-scoped resources. */
  namespace: string;
  name: string;
}

/**
 * What a write does, decided against the object as it is after every write before it: store an object, remove it
 * (`put` first when the last state differs from the stored one), or leave it as it is.
 */
export type Decision = { put: KubeObject } | { remove: true; last?: KubeObject } | { keep: Entry };

export interface Store {
  /** The newest committed revision: what reads see. */
  readonly revision: number;
  cache(resource: GroupResource): ResourceCache;
  /** Caches that were used so far. */
  loaded(): Iterable<ResourceCache>;
  /** The object after every write so far, committed or not: what writers decide on. */
  latest(resource: GroupResource, key: Key): Entry | undefined;
  /**
   * Queues one write. `decide` runs at once and may throw to refuse; the promise resolves when the result is durable
   * and visible. A removal resolves to the last state at the revision of the removal.
   */
  write(resource: GroupResource, key: Key, decide: (current: Entry | undefined) => Decision): Promise<Entry>;
  /** What write would do, without doing it. */
  preview(resource: GroupResource, key: Key, decide: (current: Entry | undefined) => Decision): Entry;
  /** Watches can begin after this revision at the earliest. */
  readonly floor: number;
  /** The quota is used up: only what needs no more room is written. */
  readonly full: boolean;
  /** How much is stored, in bytes. */
  size(): { used: number; allocated: number };
  /** Why the last commit failed, if it did. */
  readonly failure: string | undefined;
  /** Forgets the history up to a revision: watches from below it get 410. */
  compact(floor: number): Promise<void>;
  /** Commits what is queued and closes the database. */
  close(): Promise<void>;
}

/** The largest object that is stored, in bytes (etcd's default request limit). */
const MAX_OBJECT = 1.5 * 1024 * 1024;

const FULL =
  'the quota of the database is used up (--quota-backend-bytes): delete what is not needed, or start with a larger one. ' +
  'Removals, and changes that make nothing larger, go on';

/** In bytes: what a longer resourceVersion or time of day may take. */
const HARDLY_MORE = 32;

/** What a full database still takes: changes that need no more room, and all that an object's deletion brings with it. */
function grows({ bytes, object }: Entry, current: Entry | undefined): boolean {
  return (
    object.metadata.deletionTimestamp === undefined && bytes.length > (current ? current.bytes.length + HARDLY_MORE : 0)
  );
}

/** One resource as the store holds it. */
interface Held {
  readonly cache: ResourceCache;
  /** The newest change of each object that is queued or being committed, by 'namespace/name'. */
  readonly pending: Map<string, ChangeEvent>;
}

interface Pending {
  held: Held;
  key: string;
  record: LogRecord;
  event: ChangeEvent;
  done: (entry: Entry) => void;
  failed: (error: unknown) => void;
}

const keyOf = ({ namespace, name }: Key): string => `${namespace}/${name}`;

/**
 * The one writer. Decisions are made in order against pending state, so they never conflict with one another; what
 * queues up while a transaction is being synced goes into the next one (group commit). Committed changes are published
 * to the watch caches in the order of their revisions, then the writers get their answers.
 */
export function createStore(backend: Backend): Store {
  /** By group, then by resource: found without putting a name together. */
  const groups = new Map<string, Map<string, Held>>();
  let queue: Pending[] = [];
  let committed = backend.revision;
  let assigned = committed;
  let running: Promise<void> | undefined;
  let closed = false;
  let failure: string | undefined;

  function heldOf({ group, resource }: GroupResource): Held {
    let resources = groups.get(group);
    if (!resources) {
      resources = new Map();
      groups.set(group, resources);
    }
    let held = resources.get(resource);
    if (!held) {
      held = { cache: createResourceCache({ group, resource }, backend), pending: new Map() };
      resources.set(resource, held);
    }
    return held;
  }

  function* heldResources(): Iterable<Held> {
    for (const resources of groups.values()) yield* resources.values();
  }

  const latest = (resource: GroupResource, key: Key): Entry | undefined => {
    const { cache, pending } = heldOf(resource);
    const waiting = pending.size > 0 ? pending.get(keyOf(key)) : undefined;
    if (waiting) return waiting.type === 'DELETED' ? undefined : waiting.entry;
    return cache.entries.get(key.namespace, key.name);
  };

  function eventFor(decision: Exclude<Decision, { keep: Entry }>, current: Entry | undefined): ChangeEvent {
    const revision = assigned + 1;
    if ('put' in decision) {
      const entry = Entry.fromObject(decision.put, revision);
      if (entry.bytes.length > MAX_OBJECT) {
        throw new ApiError(500, '', 'etcdserver: request is too large');
      }
      if (backend.full && grows(entry, current)) throw spaceExceeded(FULL);
      return { type: current ? 'MODIFIED' : 'ADDED', revision, entry, previous: current, frames: undefined };
    }
    if (!current) throw new Error('a write removes an object that does not exist');
    const entry = decision.last ? Entry.fromObject(decision.last, revision) : current.at(revision);
    return { type: 'DELETED', revision, entry, previous: current, frames: undefined };
  }

  function enqueue(resource: GroupResource, objectKey: Key, event: ChangeEvent): Promise<Entry> {
    const held = heldOf(resource);
    const key = keyOf(objectKey);
    assigned = event.revision;
    held.pending.set(key, event);
    const bytes = event.type === 'DELETED' ? undefined : event.entry.bytes;
    const path = objectPath(resource, objectKey);
    const record = { revision: event.revision, previous: event.previous?.revision ?? 0, path, bytes };
    const { promise, resolve, reject } = Promise.withResolvers<Entry>();
    queue.push({ held, key, record, event, done: resolve, failed: reject });
    running ??= run();
    return promise;
  }

  /** Waits until a state that was read from `latest` is committed. */
  function settled(entry: Entry): Promise<Entry> {
    if (entry.revision <= committed) return Promise.resolve(entry);
    const { promise, resolve, reject } = Promise.withResolvers<Entry>();
    const at = queue.at(-1) ?? inFlight.at(-1);
    if (!at) return Promise.resolve(entry);
    const { done, failed } = at;
    at.done = (other) => {
      done(other);
      resolve(entry);
    };
    at.failed = (error) => {
      failed(error);
      reject(error);
    };
    return promise;
  }

  let inFlight: Pending[] = [];

  async function run(): Promise<void> {
    // Whatever else arrives in this turn of the event loop joins the transaction.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      inFlight = queue;
      queue = [];
      try {
        await backend.commit(inFlight.map((write) => write.record));
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
        abandon(error);
        continue;
      }
      failure = undefined;
      publish(inFlight);
      inFlight = [];
    }
    running = undefined;
  }

  function publish(batch: readonly Pending[]): void {
    const touched = new Set<ResourceCache>();
    for (const { held, key, event } of batch) {
      const { cache, pending } = held;
      committed = event.revision;
      if (pending.get(key) === event) pending.delete(key);
      cache.publish(event);
      touched.add(cache);
    }
    for (const write of batch) write.done(write.event.entry);
    for (const cache of touched) cache.notify();
  }

  /** Later writes were decided on state that now never was: they fail with it. */
  function abandon(error: unknown): void {
    const failed = [...inFlight, ...queue];
    inFlight = [];
    queue = [];
    for (const { pending } of heldResources()) pending.clear();
    assigned = committed;
    for (const write of failed) write.failed(error);
  }

  return {
    get revision() {
      return committed;
    },
    get floor() {
      return backend.floor;
    },
    get full() {
      return backend.full;
    },
    size: backend.size,
    get failure() {
      return failure;
    },
    cache: (resource) => heldOf(resource).cache,
    *loaded() {
      for (const { cache } of heldResources()) yield cache;
    },
    latest,
    async write(resource, key, decide) {
      if (closed) throw new Error('the store is closed');
      const current = latest(resource, key);
      const decision = decide(current);
      if ('keep' in decision) return settled(decision.keep);
      return enqueue(resource, key, eventFor(decision, current));
    },
    preview(resource, key, decide) {
      const current = latest(resource, key);
      const decision = decide(current);
      if ('keep' in decision) return decision.keep;
      if ('put' in decision) return Entry.fromObject(decision.put, current?.revision ?? 0);
      return decision.last ? Entry.fromObject(decision.last, current?.revision ?? 0) : (current as Entry);
    },
    async compact(floor) {
      for (const { cache } of heldResources()) cache.ring.forget(floor);
      await backend.compact(floor);
    },
    async close() {
      closed = true;
      await running;
      await backend.close();
    },
  };
}
