import type { Duplex } from 'node:stream';
import {
  type ControlFrame,
  controlFrame,
  createFrameParser,
  dataHeader,
  FLAG_FIN,
  FrameType,
  words,
} from './spdy-frames.ts';
import { createHeaderDecoder, createHeaderEncoder, type SpdyHeaders } from './spdy-headers.ts';
import { createStream, INITIAL_WINDOW, type Stream, type Wire } from './spdy-stream.ts';

/** A stream that the client opened. */
export interface SpdyStream {
  readonly headers: SpdyHeaders;
  /** Half-open in either direction; destroying it resets the stream. */
  readonly io: Duplex;
}

export interface SpdyConnection {
  /** Aborted when the connection is gone, however that came about. */
  readonly signal: AbortSignal;
  /** Says goodbye, and closes once everything written so far is on its way. */
  close(): void;
}

const MAX_STREAMS = 512;
/** Frames that a client asks for, but does not read: it is cut off before they fill the memory. */
const MAX_UNSENT = 16 * 1024 * 1024;
const PING_EVERY = 15_000;
/** How long a client may take to hang up after the goodbye, in milliseconds. */
const FAREWELL = 5_000;

const STREAM_ID = 0x7fffffff;
/** Status codes of RST_STREAM and GOAWAY. */
const STATUS = { ok: 0, protocolError: 1, refused: 3, cancel: 5 } as const;

/**
 * Until a client says that it knows windows (by an update or its settings) there are none for it: kubectl's library neither
 * sends updates nor heeds ours, and is slowed down by TCP alone.
 */
const NO_WINDOW = Number.POSITIVE_INFINITY;

/**
 * The server's side of SPDY/3.1 over any byte stream: a connection of its own, or one tunnelled in a WebSocket. Anything
 * malformed ends the connection. Memory is bounded: a reader that falls behind stops the whole connection.
 */
export function serveSpdy(transport: Duplex, onStream: (stream: SpdyStream) => void): SpdyConnection {
  const streams = new Map<number, Stream>();
  const gone = new AbortController();
  const outlet = createOutlet(transport);
  const wire = createWire(transport, outlet, streams);
  const decodeHeaders = createHeaderDecoder();
  const encodeHeaders = createHeaderEncoder();
  let lastStream = 0;
  let goingAway = false;
  let initialWindow = NO_WINDOW;
  let farewell: NodeJS.Timeout | undefined;

  function openStream({ payload, flags }: ControlFrame): void {
    const id = wordOf(payload, 0) & STREAM_ID;
    const headers = decodeHeaders(payload.subarray(10));
    if (id % 2 === 0 || id <= lastStream) throw new Error(`stream ${id} is out of order`);
    lastStream = id;
    if (goingAway || streams.size >= MAX_STREAMS) {
      outlet(FrameType.rstStream, words(id, STATUS.refused));
      return;
    }
    const stream = createStream(id, wire, initialWindow);
    streams.set(id, stream);
    outlet(FrameType.synReply, Buffer.concat([words(id), encodeHeaders(new Map())]));
    if (flags & FLAG_FIN) stream.receiveEnd();
    onStream({ headers, io: stream.io });
  }

  /** From now on windows count; what was sent before is not held against the client. */
  function useWindows(size: number): void {
    const change = initialWindow === NO_WINDOW ? NO_WINDOW : size - initialWindow;
    for (const stream of streams.values()) stream.widen(change);
    initialWindow = size;
  }

  function onControl(frame: ControlFrame): void {
    const { type, payload } = frame;
    switch (type) {
      case FrameType.synStream:
        openStream(frame);
        break;
      case FrameType.rstStream:
        streams.get(wordOf(payload, 0) & STREAM_ID)?.drop();
        break;
      case FrameType.settings: {
        const size = initialWindowOf(payload);
        if (size !== undefined) useWindows(size);
        break;
      }
      case FrameType.windowUpdate:
        if (initialWindow === NO_WINDOW) useWindows(INITIAL_WINDOW);
        streams.get(wordOf(payload, 0) & STREAM_ID)?.widen(wordOf(payload, 1) & STREAM_ID);
        break;
      case FrameType.ping:
        // Odd numbers are the client's questions, even ones its answers to ours.
        if (wordOf(payload, 0) % 2 === 1) outlet(FrameType.ping, words(wordOf(payload, 0)));
        break;
      case FrameType.goAway:
        goingAway = true;
        break;
      case FrameType.headers:
        // Says nothing that anyone needs, but moves the decompressor on.
        decodeHeaders(payload.subarray(4));
        break;
    }
  }

  const parse = createFrameParser({
    control: onControl,
    data(id, part, flags, last) {
      const stream = streams.get(id);
      stream?.receive(part);
      if (last && flags & FLAG_FIN) stream?.receiveEnd();
    },
  });
  transport.on('data', (chunk: Buffer) => {
    if (transport.destroyed) return;
    try {
      parse(chunk);
    } catch {
      // Not SPDY, or not any more: there is nobody to explain it to.
      outlet(FrameType.goAway, words(lastStream, STATUS.protocolError));
      transport.destroy();
    }
  });
  transport.on('error', () => transport.destroy());
  transport.on('end', () => transport.destroy());

  let pings = 0;
  const heartbeat = setInterval(() => {
    pings += 2;
    outlet(FrameType.ping, words(pings));
  }, PING_EVERY);
  transport.once('close', () => {
    clearInterval(heartbeat);
    clearTimeout(farewell);
    for (const stream of [...streams.values()]) stream.drop();
    gone.abort();
  });

  return {
    signal: gone.signal,
    close() {
      goingAway = true;
      outlet(FrameType.goAway, words(lastStream, STATUS.ok));
      // The client closes once it has read everything; closing first could cut off what is still on its way to it.
      transport.end();
      transport.resume();
      farewell ??= setTimeout(() => transport.destroy(), FAREWELL);
    },
  };
}

/** Sends a control frame, if anyone is there to read it. */
type Outlet = (type: number, payload: Buffer) => void;

function createOutlet(transport: Duplex): Outlet {
  return (type, payload) => {
    if (transport.destroyed || transport.writableEnded) return;
    transport.write(controlFrame(type, 0, payload));
    if (transport.writableLength > MAX_UNSENT) transport.destroy();
  };
}

function createWire(transport: Duplex, outlet: Outlet, streams: Map<number, Stream>): Wire {
  const stalled = new Set<number>();
  return {
    sendData(id, part, sent) {
      if (transport.destroyed || transport.writableEnded) {
        sent(new Error('the connection is closed'));
        return;
      }
      transport.cork();
      transport.write(dataHeader(id, 0, part.length));
      transport.write(part, sent);
      transport.uncork();
    },
    sendEnd(id, sent) {
      if (transport.destroyed || transport.writableEnded) sent();
      else transport.write(dataHeader(id, FLAG_FIN, 0), () => sent());
    },
    sendReset: (id) => outlet(FrameType.rstStream, words(id, STATUS.cancel)),
    sendWindowUpdate: (id, by) => outlet(FrameType.windowUpdate, words(id, by)),
    stall(id) {
      stalled.add(id);
      transport.pause();
    },
    unstall(id) {
      if (stalled.delete(id) && stalled.size === 0) transport.resume();
    },
    forget: (id) => streams.delete(id),
  };
}

function wordOf(payload: Buffer, index: number): number {
  if (payload.length < index * 4 + 4) throw new Error(`a control frame of ${payload.length} bytes is too short`);
  return payload.readUInt32BE(index * 4);
}

/** SETTINGS_INITIAL_WINDOW_SIZE of a SETTINGS frame, if it is there. */
function initialWindowOf(payload: Buffer): number | undefined {
  const initialWindowSize = 7;
  for (let at = 4; at + 8 <= payload.length; at += 8) {
    if (payload.readUIntBE(at + 1, 3) === initialWindowSize) return payload.readUInt32BE(at + 4) & STREAM_ID;
  }
  return undefined;
}
