import type { ServerResponse } from 'node:http';
import { ApiError } from '../../machinery/index.ts';
import type { WatchItem } from '../cache/watch.ts';
import type { Registration } from '../registry/registration.ts';
import { bookmarkObject } from '../rest/envelope.ts';
import type { Outcome } from '../rest/request.ts';
import type { Entry } from '../store/entry.ts';
import { joined } from './blocks.ts';
import { drained } from './drained.ts';
import type { Negotiated } from './negotiate.ts';
import { createPace } from './pace.ts';
import { PROTOBUF_WATCH, protobufEntry, protobufEvent, protobufOf } from './protobuf.ts';
import { type IncludeObject, type Piece, partialMetadata, tableHead, tableOf } from './shapes.ts';

/** Changes that one turn of a watcher looks at, so that many watchers share the process fairly. */
const BATCH = 256;
/** How often an idle watcher is told how far it has come, in milliseconds (upstream: about a minute). */
const BOOKMARK_INTERVAL = 60_000;

/** How long a client may take for the last events of a watch that is over, in milliseconds. */
const PARTING = 5_000;

type ObjectItem = Exclude<WatchItem, { type: 'BOOKMARK' }>;

/** Renders the events of one watch; every watcher that wants the same gets the same buffer. */
function createFrames(registration: Registration, negotiated: Negotiated, include: IncludeObject) {
  const { shape, version } = negotiated;
  const protobuf = negotiated.format === 'protobuf';
  const variant = `${registration.apiVersion} ${shape} ${version} ${protobuf ? 'protobuf' : include}`;
  let columns = true;

  function body(item: ObjectItem, withColumns: boolean): Piece[] {
    const entry = registration.view(item.entry);
    if (shape === 'object') return [entry.bytes];
    if (shape === 'metadata') return partialMetadata(entry, version);
    return tableOf(registration, entry, include, version, withColumns);
  }

  function render(item: ObjectItem, withColumns: boolean): Buffer {
    if (protobuf) return protobufEvent(item.type, protobufEntry(registration.view(item.entry), shape, version));
    return joined([`{"type":"${item.type}","object":`, ...body(item, withColumns), '}\n']);
  }

  function bookmark(item: WatchItem & { type: 'BOOKMARK' }): Buffer {
    const { apiVersion, served } = registration;
    const object = bookmarkObject(apiVersion, served.kind, item);
    const metadata = object['metadata'] as object;
    const partial = { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
    if (protobuf) return protobufEvent(item.type, protobufOf(shape === 'metadata' ? partial : object));
    if (shape === 'object') return Buffer.from(`{"type":"BOOKMARK","object":${JSON.stringify(object)}}\n`);
    if (shape === 'metadata') return Buffer.from(`{"type":"BOOKMARK","object":${JSON.stringify(partial)}}\n`);
    const head = tableHead(registration, metadata, version, columns);
    columns = false;
    return Buffer.from(`{"type":"BOOKMARK","object":${head}${JSON.stringify({ cells: [], object: partial })}]}}\n`);
  }

  return (item: WatchItem): Buffer => {
    if (item.type === 'BOOKMARK') return bookmark(item);
    const withColumns = shape === 'table' && columns;
    columns = false;
    const { source } = item;
    if (!source || withColumns) return render(item, withColumns);
    const key = `${item.type} ${variant}`;
    let frame = source.frames?.get(key);
    if (!frame) {
      frame = render(item, false);
      source.frames ??= new Map();
      source.frames.set(key, frame);
    }
    return frame;
  };
}

const entriesOf = (items: readonly WatchItem[]): Entry[] =>
  items.flatMap((item) => (item.type === 'BOOKMARK' ? [] : [item.entry]));

const soon = createPace();

interface Batch {
  frames: readonly Buffer[];
  bytes: Buffer;
}

/** The batches that were put together last, by their first frame. */
const batches = new Map<Buffer, Batch>();
const MAX_BATCHES = 16;
/** Larger ones, in bytes, are not kept. */
const MAX_BATCH_SIZE = 1024 * 1024;

/** Frames as one buffer. Watchers of the same objects are told of the same changes one after another: they share it. */
function batchOf(frames: readonly Buffer[]): Buffer {
  const [first] = frames;
  if (first && frames.length === 1) return first;
  const known = first && batches.get(first);
  if (known?.frames.length === frames.length && known.frames.every((frame, index) => frame === frames[index])) {
    return known.bytes;
  }
  const bytes = Buffer.concat(frames);
  if (first && bytes.length <= MAX_BATCH_SIZE) {
    if (batches.size >= MAX_BATCHES) batches.clear();
    batches.set(first, { frames, bytes });
  }
  return bytes;
}

/**
 * Streams a watch until it times out, the client goes, the server stops, its resource is served no more, or the watcher
 * falls off the ring.
 * A slow client is never sent more than its connection takes: its cursor waits.
 */
export async function streamWatch(
  response: ServerResponse,
  outcome: Outcome & { kind: 'watch' },
  negotiated: Negotiated,
  include: IncludeObject,
  stopped: AbortSignal,
): Promise<void> {
  const { watch, registration } = outcome;
  const frameOf = createFrames(registration, negotiated, include);
  const over = new AbortController();
  let wake = (): void => {};
  const end = (): void => {
    over.abort();
    wake();
  };
  // A resource that goes takes its objects along: the watcher is told of them first.
  const { retired } = registration;
  const finish = (): void => wake();
  retired?.addEventListener('abort', finish);
  const timeout = setTimeout(end, outcome.timeoutSeconds * 1000);
  let bookmarkDue = false;
  const bookmarks = setInterval(() => {
    // It has read nothing for so long that it must begin anew: no reason to hold its connection until it does.
    if (watch.lost) return end();
    bookmarkDue = outcome.bookmarks;
    wake();
  }, BOOKMARK_INTERVAL);
  response.on('close', end);
  stopped.addEventListener('abort', end);
  const ready = (): void => wake();
  watch.onReady(() => soon(ready));
  const protobuf = negotiated.format === 'protobuf';
  response.writeHead(200, { 'content-type': protobuf ? PROTOBUF_WATCH : 'application/json' });
  response.flushHeaders();
  try {
    while (!over.signal.aborted) {
      const items = watch.pull(BATCH);
      if (registration.prepare) await registration.prepare(entriesOf(items));
      if (bookmarkDue && !watch.behind) items.push(watch.bookmark());
      if (!watch.behind) bookmarkDue = false;
      if (items.length > 0 && !response.write(batchOf(items.map(frameOf)))) await drained(response, over.signal);
      if (over.signal.aborted) break;
      if (watch.behind) {
        // Lets other watchers and requests have their turn.
        await new Promise(setImmediate);
        continue;
      }
      if (retired?.aborted) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const status = error.toStatus();
    const line = `{"type":"ERROR","object":${JSON.stringify(status)}}\n`;
    response.write(protobuf ? protobufEvent('ERROR', protobufOf(status)) : line);
  } finally {
    clearTimeout(timeout);
    clearInterval(bookmarks);
    stopped.removeEventListener('abort', end);
    retired?.removeEventListener('abort', finish);
    watch.close();
    response.end();
    // A client that reads nothing any more would hold its connection, and what is on its way, for ever.
    if (response.writableNeedDrain) setTimeout(() => response.destroy(), PARTING).unref();
  }
}
