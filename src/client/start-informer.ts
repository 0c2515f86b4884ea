import type { Logger } from 'pino';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { ApiError, groupResource, isReason, keyOf } from '../machinery/index.ts';
import { createBackoff, sleep } from './backoff.ts';
import type { Client, WatchEvent } from './client.ts';
import { createIndexedStore } from './indexed-store.ts';
import type { Informer, InformerHandler } from './informer.ts';

export interface RunningInformer {
  readonly informer: Informer;
  /** Ends the current wait for a resource that is not installed. */
  poke(): void;
  /** Whether anybody has a handler on it. */
  isHandled(): boolean;
  stop(): Promise<void>;
}

/** Objects a page of the first list; servers that answer from their cache may send all at once. */
const pageSize = 500;

/** A watch that ends within so many milliseconds may be one of many that do. */
const shortWatch = 1000;

export interface InformerOptions {
  client: Client;
  resource: Resource;
  log: Logger;
  /** Keep no more than the metadata of objects. */
  metadataOnly: boolean;
  /** Called when the last handler is removed. */
  onUnhandled(): void;
}

/**
 * Lists a resource, then watches it from there for ever: a watch that ends is resumed at the last revision seen, a
 * revision that the server no longer has leads to a new list, and other errors are retried with back-off.
 */
export function startInformer({ client, resource, log, metadataOnly, onUnhandled }: InformerOptions): RunningInformer {
  const name = groupResource(resource);
  const store = createIndexedStore();
  const handlers = new Set<InformerHandler>();
  const stopping = new AbortController();
  const backoff = createBackoff(10, 30_000);
  let missing: AbortController | undefined;
  let markSynced: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve;
  });

  store.addIndex('ownerUid', (object) => object.metadata.ownerReferences?.map((owner) => owner.uid) ?? []);
  store.addIndex('namespace', (object) => (object.metadata.namespace ? [object.metadata.namespace] : []));

  /** Runs one handler's callback; a handler that throws must not keep the others from the event. */
  function guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      log.error({ err: error, resource: name }, `a handler of ${name} failed`);
    }
  }

  function upsert(object: KubeObject): void {
    const known = store.get(keyOf(object));
    if (known && isSameVersion(known, object)) return;
    const replaced = known && known.metadata.uid !== object.metadata.uid;
    // A different uid under the same name is another object: its predecessor's deletion went by unseen.
    if (replaced) remove(keyOf(object));
    const old = store.set(object);
    for (const handler of [...handlers]) guarded(() => handler.upsert?.(object, old));
  }

  function remove(key: string, last?: KubeObject): void {
    const old = store.delete(key);
    if (old) for (const handler of [...handlers]) guarded(() => handler.remove?.(last ?? old));
  }

  function replaceAll(objects: readonly KubeObject[]): void {
    const present = new Set(objects.map(keyOf));
    for (const key of [...store.keys()]) if (!present.has(key)) remove(key);
    for (const object of objects) upsert(object);
  }

  function applyEvent(event: WatchEvent): void {
    if (event.type === 'BOOKMARK') return;
    if (event.type !== 'DELETED') {
      upsert(event.object);
      return;
    }
    const key = keyOf(event.object);
    // A late event about an earlier object of that name must not remove its successor.
    if (store.get(key)?.metadata.uid === event.object.metadata.uid) remove(key, event.object);
  }

  async function list(resourceVersion: string | undefined): Promise<string> {
    const objects: KubeObject[] = [];
    let page = await client.list(resource, { limit: pageSize, resourceVersion, metadataOnly });
    for (;;) {
      for (const item of page.items) objects.push(item);
      const next = page.metadata.continue;
      if (!next || stopping.signal.aborted) break;
      page = await client.list(resource, { limit: pageSize, continue: next, metadataOnly });
    }
    replaceAll(objects);
    markSynced();
    backoff.reset();
    return page.metadata.resourceVersion;
  }

  /** Follows one watch to its end; returns the revision to go on from. */
  async function follow(from: string): Promise<string> {
    let last = from;
    const began = performance.now();
    try {
      const options = { resourceVersion: from, signal: stopping.signal, metadataOnly };
      for await (const event of client.watch(resource, options)) {
        if (stopping.signal.aborted) break;
        applyEvent(event);
        last = event.object.metadata.resourceVersion ?? last;
      }
      // A server that ends every watch at once is not asked as fast as it can refuse.
      if (performance.now() - began < shortWatch) await sleep(backoff.next(), stopping.signal);
      else backoff.reset();
      return last;
    } catch (error) {
      if (isExpired(error) && last === from) await sleep(backoff.next(), stopping.signal);
      if (isExpired(error) || isReason(error, 'NotFound')) throw error;
      await pause(error);
      return last;
    }
  }

  async function pause(error: unknown): Promise<void> {
    if (stopping.signal.aborted) return;
    if (isReason(error, 'NotFound')) {
      log.debug({ resource: name }, `${name} is not installed; waiting for it`);
      // What was watched is gone with its resource.
      replaceAll([]);
      missing = new AbortController();
      await sleep(backoff.next(), AbortSignal.any([stopping.signal, missing.signal]));
      missing = undefined;
      return;
    }
    log.warn({ err: error, resource: name }, `list or watch of ${name} failed and is retried`);
    await sleep(backoff.next(), stopping.signal);
  }

  async function run(): Promise<void> {
    // '0' lets the server answer the first list from its cache; after that only the newest state will do.
    let listFrom: string | undefined = '0';
    while (!stopping.signal.aborted) {
      try {
        let revision = await list(listFrom);
        listFrom = undefined;
        while (!stopping.signal.aborted) revision = await follow(revision);
      } catch (error) {
        if (!isExpired(error)) await pause(error);
      }
    }
  }

  const running = run();
  return {
    informer: {
      resource,
      synced,
      get: store.get,
      list: (namespace) => (namespace === undefined ? store.list() : store.byIndex('namespace', namespace)),
      byIndex: store.byIndex,
      addIndex: store.addIndex,
      addHandler(handler) {
        for (const object of store.list()) guarded(() => handler.upsert?.(object, undefined));
        handlers.add(handler);
        return () => {
          if (handlers.delete(handler) && handlers.size === 0) onUnhandled();
        };
      },
    },
    poke: () => missing?.abort(),
    isHandled: () => handlers.size > 0,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function isSameVersion(a: KubeObject, b: KubeObject): boolean {
  return a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion;
}

/** The server no longer has the revision that was asked for (or one on a page of the list): list again. */
function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.code === 410;
}
