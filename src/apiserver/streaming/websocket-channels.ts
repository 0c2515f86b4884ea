import { Readable, Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/**
 * Channels over one WebSocket: the first byte of each message says which (0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize);
 * in the base64 dialects it is a digit, and the rest of the message is base64.
 */
export interface Channels {
  /** What the client sends on a channel, with back-pressure. */
  readable(channel: number): Readable;
  /** Calls back with each whole message on a channel. */
  listen(channel: number, listener: (message: Buffer) => void): void;
  /** What the client gets on a channel; each write waits until the one before is on its way. */
  writable(channel: number): Writable;
  /** Sends one message, if the client is still there. */
  send(channel: number, message: Buffer): Promise<void>;
}

export interface Dialect {
  base64: boolean;
  /** v5: a message of 255 and a channel number closes that channel. */
  closes: boolean;
}

const CLOSE = 255;
/** How much a reader may leave unread before the client has to wait. */
const HIGH_WATER_MARK = 64 * 1024;

export function createChannels(socket: WebSocket, dialect: Dialect): Channels {
  const readables = new Map<number, Readable>();
  const listeners = new Map<number, (message: Buffer) => void>();

  const deliver = (channel: number, message: Buffer): void => {
    listeners.get(channel)?.(message);
    const readable = readables.get(channel);
    if (readable && !readable.readableEnded && message.length > 0 && !readable.push(message)) socket.pause();
  };

  socket.on('message', (raw) => {
    const message = asBuffer(raw);
    if (message.length === 0) return;
    if (dialect.base64) {
      deliver(message.readUInt8(0) - '0'.charCodeAt(0), Buffer.from(message.toString('latin1', 1), 'base64'));
      return;
    }
    const channel = message.readUInt8(0);
    if (dialect.closes && channel === CLOSE) {
      const closed = message.length > 1 ? readables.get(message.readUInt8(1)) : undefined;
      readables.delete(message.readUInt8(message.length - 1));
      closed?.push(null);
      return;
    }
    deliver(channel, message.subarray(1));
  });
  socket.once('close', () => {
    for (const readable of readables.values()) readable.destroy();
    readables.clear();
  });

  const send = (channel: number, message: Buffer): Promise<void> =>
    new Promise((resolve) => {
      // An error means that the client is gone; the socket's 'close' tells everyone.
      socket.send(encode(channel, message, dialect), () => resolve());
    });

  return {
    send,
    listen: (channel, listener) => listeners.set(channel, listener),
    readable(channel) {
      const readable = new Readable({ highWaterMark: HIGH_WATER_MARK, read: () => socket.resume() });
      readable.on('error', () => undefined);
      readable.once('close', () => {
        readables.delete(channel);
        socket.resume();
      });
      readables.set(channel, readable);
      return readable;
    },
    writable(channel) {
      const writable = new Writable({
        highWaterMark: HIGH_WATER_MARK,
        write: (chunk: Buffer, _encoding, callback) => socket.send(encode(channel, chunk, dialect), callback),
      });
      writable.on('error', () => undefined);
      socket.once('close', () => writable.destroy());
      return writable;
    },
  };
}

function encode(channel: number, message: Buffer, dialect: Dialect): Buffer | string {
  return dialect.base64 ? `${channel}${message.toString('base64')}` : Buffer.concat([Buffer.of(channel), message]);
}

function asBuffer(raw: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(raw)) return Buffer.concat(raw);
  return Buffer.isBuffer(raw) ? raw : Buffer.from(raw);
}
