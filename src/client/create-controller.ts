import { ApiError, groupResource, isReason, keyOf } from '../machinery/index.ts';
import type { ControllerOptions, ControllerSource, DynamicController } from './controller.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

/** The first back-off of a key in milliseconds. */
const firstWait = 5;

/** Conflicts in a row that are retried without waiting; beyond that the cache is behind and backing off is cheaper. */
const immediateConflicts = 3;

/**
 * A controller in the usual shape: informers of the sources fill a queue with keys and workers reconcile them. Workers
 * begin when every source has its first full list. `stop` resolves when no reconcile runs any more.
 */
export function createController(options: ControllerOptions): DynamicController {
  const { context, name, sources } = options;
  const log = context.log.child({ controller: name });
  const queue = createWorkQueue({ baseDelay: firstWait });
  const conflicts = new Map<string, number>();
  /** The last error of each key that is being retried. */
  const errors = new Map<string, unknown>();
  let stopping = false;
  let running: Promise<unknown> = Promise.resolve();
  const detach = new Set<() => void>();
  let wakeStop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    wakeStop = resolve;
  });
  /** The resources whose first list is still to come, and who waits for them. */
  const unsynced = new Set<string>();
  const begun = Promise.withResolvers<void>();

  async function reconcileOnce(key: string): Promise<void> {
    try {
      const result = await options.reconcile(key);
      queue.forget(key);
      conflicts.delete(key);
      errors.delete(key);
      if (result?.requeueAfter !== undefined) queue.addAfter(key, result.requeueAfter);
    } catch (error) {
      retry(key, error);
    }
  }

  function retry(key: string, error: unknown): void {
    if (stopping) return;
    errors.set(key, error);
    const count = isReason(error, 'Conflict') ? (conflicts.get(key) ?? 0) + 1 : 0;
    if (count > 0) conflicts.set(key, count);
    else conflicts.delete(key);
    if (count > 0 && count <= immediateConflicts) {
      queue.add(key);
      return;
    }
    const wait = queue.addRateLimited(key);
    // A conflict is an ordinary race, and what goes on failing need not be said every few milliseconds.
    const level = count === 0 && (wait === firstWait || wait >= 1000) ? 'warn' : 'debug';
    const reason = error instanceof ApiError ? { reason: error.reason } : { err: error };
    log[level]({ key, ...reason }, `reconcile of ${key} failed, again in ${wait} ms: ${String(error)}`);
  }

  async function work(): Promise<void> {
    for (let key = await queue.next(); key !== undefined; key = await queue.next()) {
      await reconcileOnce(key);
      queue.done(key);
    }
  }

  function addSource(source: ControllerSource): () => void {
    const unsubscribe = subscribe(context.informers.for(source.resource, source.metadataOnly), source, queue);
    detach.add(unsubscribe);
    return () => {
      detach.delete(unsubscribe);
      unsubscribe();
    };
  }

  async function synced(informer: SourceInformer): Promise<void> {
    const resource = groupResource(informer.resource);
    unsynced.add(resource);
    await informer.synced;
    unsynced.delete(resource);
  }

  function unsettled(): { key: string; error?: unknown }[] {
    if (unsynced.size > 0 && !stopping) return [...unsynced].map((key) => ({ key: `the first list of ${key}` }));
    return queue.unsettled().map((key) => (errors.has(key) ? { key, error: errors.get(key) } : { key }));
  }

  async function run(): Promise<void> {
    const informers = sources.map((source) => context.informers.for(source.resource, source.metadataOnly));
    for (const source of sources) addSource(source);
    await Promise.race([Promise.all(informers.map(synced)), stopped]);
    begun.resolve();
    if (!stopping) await Promise.all(Array.from({ length: options.workers ?? 4 }, work));
  }

  return {
    name,
    addSource,
    enqueue: queue.add,
    activity: { unsettled, settled: () => begun.promise.then(queue.settled) },
    start() {
      if (!stopping) running = run();
    },
    async stop() {
      stopping = true;
      wakeStop();
      for (const remove of detach) remove();
      queue.shutDown();
      await running;
    },
  };
}

type SourceInformer = ReturnType<ControllerOptions['context']['informers']['for']>;

/** Queues the keys of every changed object of a source. Returns the way to end that. */
function subscribe(informer: SourceInformer, source: ControllerSource, queue: WorkQueue): () => void {
  const keys = source.keys ?? ((object) => [keyOf(object)]);
  return informer.addHandler({
    upsert(object, old) {
      for (const key of keys(object, { deleted: false, old })) queue.add(key);
    },
    remove(object) {
      for (const key of keys(object, { deleted: true })) queue.add(key);
    },
  });
}
