import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { deflateRawSync, deflateSync, constants as zlib } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { type SpdyStream, serveSpdy } from './spdy-connection.ts';
import {
  type ControlFrame,
  controlFrame,
  createFrameParser,
  dataHeader,
  FLAG_FIN,
  FrameType,
  words,
} from './spdy-frames.ts';
import { createHeaderDecoder, createHeaderEncoder } from './spdy-headers.ts';

interface Received extends ControlFrame {
  data?: undefined;
}
interface ReceivedData {
  type: 'data';
  stream: number;
  data: Buffer;
  fin: boolean;
}

const open: Duplex[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.destroy();
});

/** A server and a client that speaks frames, joined in memory. */
function connect(onStream: (stream: SpdyStream) => void = () => undefined) {
  const [server, client] = duplexPair();
  open.push(server, client);
  client.on('error', () => undefined);
  const frames: (Received | ReceivedData)[] = [];
  const encode = createHeaderEncoder();
  const parse = createFrameParser({
    control: (frame) => frames.push({ ...frame, payload: Buffer.from(frame.payload) }),
    data: (stream, part, flags, last) =>
      frames.push({ type: 'data', stream, data: Buffer.from(part), fin: last && (flags & FLAG_FIN) !== 0 }),
  });
  client.on('data', parse);
  const connection = serveSpdy(server, onStream);
  return {
    connection,
    server,
    client,
    frames,
    control: (type: number, payload: Buffer, flags = 0) => client.write(controlFrame(type, flags, payload)),
    data: (stream: number, data: Buffer, flags = 0) =>
      client.write(Buffer.concat([dataHeader(stream, flags, data.length), data])),
    syn: (stream: number, headers: Record<string, string>, flags = 0) =>
      client.write(
        controlFrame(
          FrameType.synStream,
          flags,
          Buffer.concat([words(stream, 0), Buffer.alloc(2), encode(new Map(Object.entries(headers)))]),
        ),
      ),
    received: async (count: number) => {
      while (frames.length < count) await once(client, 'data');
      return frames;
    },
  };
}

describe('header blocks', () => {
  it('come back as they were, however many share a connection', () => {
    const name = fc.stringMatching(/^[a-z-]{1,20}$/);
    const value = fc.string({ unit: 'binary-ascii', maxLength: 200 });
    const block = fc.dictionary(name, value, { maxKeys: 20 });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 10 }), (blocks) => {
        const encode = createHeaderEncoder();
        const decode = createHeaderDecoder();
        for (const each of blocks) {
          const headers = new Map(Object.entries(each));
          expect(decode(encode(headers))).toEqual(headers);
        }
      }),
    );
  });

  it('may refer back to earlier blocks, as zlib streams do', () => {
    const decode = createHeaderDecoder();
    const encoded = createHeaderEncoder()(new Map([['streamtype', 'data']]));
    const text = Buffer.from('\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x04data', 'latin1');
    decode(encoded);
    // Only the text of the first block in its window makes this one so short.
    const second = deflateRawSync(text, { dictionary: text, finishFlush: zlib.Z_SYNC_FLUSH });
    expect(second.length).toBeLessThan(15);
    expect(decode(second)).toEqual(new Map([['streamtype', 'data']]));
  });

  it('are refused when they are bombs, lie about lengths or use no dictionary', () => {
    const preamble = createHeaderEncoder()(new Map()).subarray(0, 6);
    const block = (text: Buffer) => Buffer.concat([preamble, deflateRawSync(text, { finishFlush: zlib.Z_SYNC_FLUSH })]);
    const bad = {
      bomb: block(Buffer.alloc(5_000_000)),
      'too many': block(words(1_000_000)),
      'a name too long': block(words(1, 0xffffffff)),
      'an early end': block(Buffer.from([0, 0])),
      'no dictionary': deflateSync(words(0)),
      nothing: Buffer.alloc(0),
    };
    for (const [what, bytes] of Object.entries(bad)) expect(() => createHeaderDecoder()(bytes), what).toThrow();
  });
});

describe('frames', () => {
  it('are the same however their bytes are sliced', () => {
    const control = fc.record({
      type: fc.integer({ min: 1, max: 9 }),
      flags: fc.nat(255),
      payload: fc.uint8Array({ maxLength: 300 }),
    });
    const data = fc.record({ stream: fc.nat(0x7fffffff), bytes: fc.uint8Array({ maxLength: 300 }) });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(control, data)),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (all, sizes) => {
          const bytes = Buffer.concat(
            all.map((frame) =>
              'type' in frame
                ? controlFrame(frame.type, frame.flags, Buffer.from(frame.payload))
                : Buffer.concat([dataHeader(frame.stream, 0, frame.bytes.length), frame.bytes]),
            ),
          );
          const read = (slices: Iterable<Buffer>) => {
            const seen: string[] = [];
            let data = '';
            const parse = createFrameParser({
              control: ({ type, flags, payload }) => seen.push(`${type} ${flags} ${payload.toString('hex')}`),
              data(stream, part, _flags, last) {
                data += part.toString('hex');
                if (!last) return;
                seen.push(`data ${stream} ${data}`);
                data = '';
              },
            });
            for (const slice of slices) parse(slice);
            return seen;
          };
          const slices: Buffer[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value ?? 1;
            slices.push(bytes.subarray(at, at + size));
            at += size;
          }
          expect(read(slices)).toEqual(read([bytes]));
          expect(read([bytes])).toHaveLength(all.length);
        },
      ),
    );
  });
});

describe('serveSpdy', () => {
  it('answers a stream, echoes it, and lets each side close on its own', async () => {
    const spdy = connect(({ io }) => io.pipe(io));
    spdy.syn(1, { streamtype: 'data' });
    spdy.data(1, Buffer.from('hello'));
    spdy.data(1, Buffer.from(' you'), FLAG_FIN);
    await spdy.received(4);
    expect(spdy.frames[0]).toMatchObject({ type: FrameType.synReply });
    const text = spdy.frames.flatMap((frame) => (frame.type === 'data' ? [frame.data] : []));
    expect(Buffer.concat(text).toString()).toBe('hello you');
    expect(spdy.frames.at(-1)).toMatchObject({ type: 'data', stream: 1, fin: true });
  });

  it('answers pings, and resets streams that are destroyed', async () => {
    const spdy = connect(({ io }) => io.destroy());
    spdy.control(FrameType.ping, words(7));
    spdy.control(FrameType.ping, words(8));
    spdy.syn(1, {});
    await spdy.received(3);
    expect(spdy.frames.map((frame) => frame.type)).toEqual([FrameType.ping, FrameType.synReply, FrameType.rstStream]);
  });

  it('tells the stream when the client resets it or goes away', async () => {
    const closed: Promise<unknown>[] = [];
    const spdy = connect(({ io }) => closed.push(once(io.resume(), 'close')));
    spdy.syn(1, {});
    spdy.syn(3, {});
    await spdy.received(2);
    spdy.control(FrameType.rstStream, words(1, 5));
    await closed[0];
    expect(spdy.connection.signal.aborted).toBe(false);
    spdy.client.destroy();
    await closed[1];
    expect(spdy.connection.signal.aborted).toBe(true);
  });

  it('holds a slow reader’s client back instead of its data', async () => {
    let stream: SpdyStream | undefined;
    const spdy = connect((opened) => {
      stream = opened;
    });
    spdy.syn(1, {});
    await spdy.received(1);
    const chunk = Buffer.alloc(16 * 1024, 1);
    const total = 64 * chunk.length;
    for (let sent = 0; sent < total; sent += chunk.length) spdy.data(1, chunk);
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream?.io.readableLength).toBeLessThanOrEqual(200 * 1024);
    expect(spdy.server.isPaused()).toBe(true);
    let read = 0;
    for await (const part of stream?.io ?? []) {
      read += part.length;
      if (read === total) break;
    }
    expect(read).toBe(total);
    const updates = spdy.frames.filter((frame) => frame.type === FrameType.windowUpdate);
    expect(updates.length).toBeGreaterThan(0);
  });

  it('keeps to the windows of a client that has them', async () => {
    const streams: SpdyStream[] = [];
    const spdy = connect((opened) => streams.push(opened));
    const initialWindow = 7;
    spdy.control(FrameType.settings, Buffer.concat([words(1), words(initialWindow, 10)]));
    spdy.syn(1, {});
    await spdy.received(1);
    streams[0]?.io.end('0123456789abcdef');
    await spdy.received(2);
    expect(spdy.frames[1]).toMatchObject({ data: Buffer.from('0123456789') });
    spdy.control(FrameType.windowUpdate, words(1, 4));
    await spdy.received(3);
    expect(spdy.frames[2]).toMatchObject({ data: Buffer.from('abcd') });
    spdy.control(FrameType.windowUpdate, words(1, 100));
    await spdy.received(5);
    expect(spdy.frames[3]).toMatchObject({ data: Buffer.from('ef') });
    expect(spdy.frames[4]).toMatchObject({ fin: true });
  });

  it('refuses more streams than a client needs', async () => {
    const spdy = connect();
    for (let id = 1; id < 2 * 600; id += 2) spdy.syn(id, {});
    await spdy.received(600);
    const refused = spdy.frames.filter((frame) => frame.type === FrameType.rstStream);
    expect(refused).toHaveLength(600 - 512);
  });

  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(3)), false],
    ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]), true],
    ['an endless control frame', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]), true],
    ['a short SYN_STREAM', controlFrame(FrameType.synStream, 0, Buffer.alloc(3)), true],
    ['a short PING', controlFrame(FrameType.ping, 0, Buffer.alloc(1)), true],
    ['headers that are none', controlFrame(FrameType.synStream, 0, Buffer.alloc(40, 7)), true],
  ])('ends a connection that sends %s', async (_, bytes, ends) => {
    const spdy = connect();
    spdy.client.write(bytes);
    if (ends) await once(spdy.connection.signal, 'abort');
    // Text reads as a data frame of a stream that nobody opened: it is skipped.
    else expect(spdy.connection.signal.aborted).toBe(false);
  });

  it('survives any bytes, and leaves nothing behind', async () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.nat(10), fc.nat(3), fc.uint8Array({ maxLength: 60 }))
        .map(([type, flags, payload]) => controlFrame(type, flags, Buffer.from(payload))),
      fc
        .tuple(fc.nat(5), fc.nat(3), fc.uint8Array({ maxLength: 60 }))
        .map(([stream, flags, data]) => Buffer.concat([dataHeader(stream, flags, data.length), data])),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(hostile, { maxLength: 20 }), async (chunks) => {
        const opened: SpdyStream[] = [];
        const spdy = connect((stream) => opened.push(stream));
        spdy.syn(1, {});
        for (const chunk of chunks) spdy.client.write(chunk);
        await new Promise((resolve) => setImmediate(resolve));
        spdy.client.destroy();
        if (!spdy.connection.signal.aborted) await once(spdy.connection.signal, 'abort');
        expect(opened.every(({ io }) => io.destroyed)).toBe(true);
      }),
    );
  });
});
