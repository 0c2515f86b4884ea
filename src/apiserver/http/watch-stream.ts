import type { ServerResponse } from 'node:http';
import { ApiError } from '../../machinery/index.ts';
import type { WatchItem } from '../cache/watch.ts';
import type { Registration } from '../registry/registration.ts';
import { bookmarkObject } from '../rest/envelope.ts';
import type { Outcome } from '../rest/request.ts';
import type { Entry } from '../store/entry.ts';
import { joined, write } from './blocks.ts';
import type { Negotiated } from './negotiate.ts';
import { createPace } from './pace.ts';
import { PROTOBUF_WATCH, protobufEntry, protobufEvent, protobufOf } from './protobuf.ts';
import { type IncludeObject, type Piece, partialMetadata, tableHead, tableOf } from './shapes.ts';

/** Changes that one turn of a watcher looks at, so that many watchers share the process fairly. */
const BATCH = 128;
/** How often an idle watcher is told how far it has come, in milliseconds (upstream: about a minute). */
const BOOKMARK_INTERVAL = 60_000;

/** How long a client may take for the last events of a watch that is over, in milliseconds. */
const PARTING = 5_000;

type ObjectItem = Exclude<WatchItem, { type: 'BOOKMARK' }>;

/** An event as it is written: bytes that all watchers share, or pieces for this one alone. */
type Frame = Buffer | readonly Piece[];

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

  function render(item: ObjectItem, withColumns: boolean): Piece[] {
    if (protobuf) return [protobufEvent(item.type, protobufEntry(registration.view(item.entry), shape, version))];
    return [`{"type":"${item.type}","object":`, ...body(item, withColumns), '}\n'];
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

  return (item: WatchItem): Frame => {
    if (item.type === 'BOOKMARK') return [bookmark(item)];
    const withColumns = shape === 'table' && columns;
    columns = false;
    const { source } = item;
    if (!source || withColumns) return render(item, withColumns);
    const key = `${item.type} ${variant}`;
    let frame = source.frames?.get(key);
    if (!frame) {
      frame = joined(render(item, false));
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
  chunk: Buffer;
}

/** The batches that were put together last, by their first frame. */
const batches = new Map<Buffer, Batch>();
const MAX_BATCHES = 16;
/** Larger ones, in bytes, are not kept. */
const MAX_BATCH_SIZE = 1024 * 1024;

/**
 * Frames as one chunk of an answer (RFC 9112, 7.1). Watchers of the same objects are told of the same changes one after
 * another: they share it, and to each of them it is a single write.
 */
function chunkOf(frames: readonly Buffer[]): Buffer {
  const [first] = frames;
  const known = first && batches.get(first);
  if (known?.frames.length === frames.length && known.frames.every((frame, index) => frame === frames[index])) {
    return known.chunk;
  }
  const size = frames.reduce((sum, frame) => sum + frame.length, 0);
  const chunk = joined([`${size.toString(16)}\r\n`, ...frames, '\r\n']);
  if (first && chunk.length <= MAX_BATCH_SIZE) {
    if (batches.size >= MAX_BATCHES) batches.clear();
    batches.set(first, { frames, chunk });
  }
  return chunk;
}

const isShared = (frame: Frame): frame is Buffer => Buffer.isBuffer(frame);

/** Writes frames to an answer whose head is out. A client of HTTP/1.0 knows no chunks. */
function writeFrames(response: ServerResponse, frames: readonly Frame[]): void {
  if (!response.chunkedEncoding || !frames.every(isShared)) {
    write(response, frames.flat());
    return;
  }
  // The chunk is made here, once for all watchers, and not by each answer for itself.
  response.chunkedEncoding = false;
  response.write(chunkOf(frames));
  response.chunkedEncoding = true;
}

/** Resolves when the client has taken what was written, or the watch is over: each of them wakes. */
async function taken(response: ServerResponse, over: AbortSignal, woken: () => Promise<void>): Promise<void> {
  while (response.writableNeedDrain && !over.aborted) await woken();
}

function errorFrame(error: ApiError, protobuf: boolean): Buffer {
  const status = error.toStatus();
  if (protobuf) return protobufEvent('ERROR', protobufOf(status));
  return Buffer.from(`{"type":"ERROR","object":${JSON.stringify(status)}}\n`);
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
  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  response.on('drain', ready);
  try {
    while (!over.signal.aborted) {
      await watch.ready(BATCH);
      const items = watch.pull(BATCH);
      if (registration.prepare) await registration.prepare(entriesOf(items));
      if (bookmarkDue && !watch.behind) items.push(watch.bookmark());
      if (!watch.behind) bookmarkDue = false;
      if (items.length > 0) writeFrames(response, items.map(frameOf));
      await taken(response, over.signal, woken);
      if (over.signal.aborted) break;
      if (watch.behind) {
        // Lets other watchers and requests have their turn.
        await new Promise(setImmediate);
        continue;
      }
      if (retired?.aborted) break;
      await woken();
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    writeFrames(response, [errorFrame(error, protobuf)]);
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
