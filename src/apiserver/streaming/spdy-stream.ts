import { Duplex } from 'node:stream';

/** What a stream needs of its connection. */
export interface Wire {
  sendData(id: number, part: Buffer, sent: (error?: Error | null) => void): void;
  sendEnd(id: number, sent: () => void): void;
  sendReset(id: number): void;
  sendWindowUpdate(id: number, by: number): void;
  /** A slow reader of this stream has the whole connection wait, until it catches up. */
  stall(id: number): void;
  unstall(id: number): void;
  /** Both directions are over. */
  forget(id: number): void;
}

export interface Stream {
  readonly io: Duplex;
  /** Data from the client. */
  receive(part: Buffer): void;
  /** The client sends no more. */
  receiveEnd(): void;
  /** The client wants `by` more bytes, or, with a negative number, fewer. */
  widen(by: number): void;
  /** Ends the stream without telling the client: it has said so itself, or is gone. */
  drop(): void;
}

export const INITIAL_WINDOW = 64 * 1024;
/** How much a slow reader may leave: clients know no flow control, so what has been sent must go somewhere. */
const MAX_UNREAD = 2 * INITIAL_WINDOW;
const MAX_DATA_FRAME = 32 * 1024;

/** One SPDY stream as a Duplex, half-open in either direction; destroying it resets the stream. */
export function createStream(id: number, wire: Wire, initialWindow: number): Stream {
  let unacknowledged = 0;
  let window = initialWindow;
  let waiting: (() => void) | undefined;
  let received = false;
  let sent = false;
  let dropped = false;

  const forgetIfOver = (): void => {
    if (received && sent) wire.forget(id);
  };
  const acknowledge = (): void => {
    if (received || unacknowledged < INITIAL_WINDOW / 2) return;
    wire.sendWindowUpdate(id, unacknowledged);
    unacknowledged = 0;
  };
  /** Sends what the window allows, then waits for it to open. */
  const send = (chunk: Buffer, done: (error?: Error | null) => void): void => {
    if (window <= 0) {
      waiting = () => send(chunk, done);
      return;
    }
    const part = chunk.subarray(0, Math.min(window, MAX_DATA_FRAME));
    const rest = chunk.subarray(part.length);
    window -= part.length;
    wire.sendData(id, part, (error) => {
      if (error || rest.length === 0) done(error);
      else send(rest, done);
    });
  };

  const io = new Duplex({
    allowHalfOpen: true,
    readableHighWaterMark: INITIAL_WINDOW,
    read() {
      acknowledge();
      wire.unstall(id);
    },
    write: (chunk: Buffer, _encoding, callback) => send(chunk, callback),
    final(callback) {
      sent = true;
      forgetIfOver();
      wire.sendEnd(id, callback);
    },
    destroy(error, callback) {
      if (!dropped && !(received && sent)) wire.sendReset(id);
      dropped = true;
      wire.unstall(id);
      wire.forget(id);
      callback(error);
    },
  });
  // Whoever uses the stream learns of errors from its own calls; without a listener they would end the process.
  io.on('error', () => undefined);

  return {
    io,
    receive(part) {
      // What was under way when the stream ended here is of no use any more.
      if (received || dropped || part.length === 0) return;
      unacknowledged += part.length;
      if (io.push(part)) acknowledge();
      else if (io.readableLength > MAX_UNREAD) wire.stall(id);
    },
    receiveEnd() {
      if (received || dropped) return;
      received = true;
      io.push(null);
      forgetIfOver();
    },
    widen(by) {
      window += by;
      if (window <= 0 || waiting === undefined) return;
      const resume = waiting;
      waiting = undefined;
      resume();
    },
    drop() {
      dropped = true;
      io.destroy();
    },
  };
}
