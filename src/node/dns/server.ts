import type { Socket } from 'node:net';
import { answerForCluster, type ZoneSource } from './kubernetes.ts';
import { type Answer, codes, framed, MessageError, type Query, readQuery } from './message.ts';
import type { Upstream } from './upstream.ts';
import { writeAnswer, writeError } from './write-message.ts';

/** Answers DNS messages, whoever brings them. */
export interface DnsServer {
  /** The answer to a datagram; none when the message deserves none. Never rejects. */
  datagram(message: Buffer): Promise<Buffer | undefined>;
  /** Answers the queries on a connection (RFC 7766) until it ends or idles. */
  connection(socket: Socket): void;
}

const smallestDatagram = 512;
const largestDatagram = 4_096;
const largestMessage = 65_535;
const idleTimeout = 10_000;
/** Queries of one connection that are answered at the same time. */
const mostPipelined = 32;
const internet = 1;

/** @param upstream answers for names that are not the cluster's. */
export function createDnsServer(source: ZoneSource, upstream: Upstream): DnsServer {
  async function answer(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    let query: Query;
    try {
      query = readQuery(message);
    } catch (error) {
      if (error instanceof MessageError) return writeError(message, error);
      throw error;
    }
    const size = transport === 'tcp' ? largestMessage : Math.min(query.edns?.size ?? smallestDatagram, largestDatagram);
    if (query.class !== internet) return writeAnswer(query, failure(codes.refused), size);
    const own = await answerForCluster(query, source);
    if (own) return writeAnswer(query, own, size);
    try {
      return await upstream.forward(message, transport);
    } catch {
      return writeAnswer(query, failure(codes.serverFailure), size);
    }
  }

  return {
    datagram: (message) => answer(message, 'udp').catch(() => undefined),
    connection(socket) {
      serveStream(socket, (message) => answer(message, 'tcp'));
    },
  };
}

const failure = (code: number): Answer => ({ code, authoritative: false, answers: [] });

/** Reads messages with their lengths before them, and writes the answers as they are ready. */
function serveStream(socket: Socket, answer: (message: Buffer) => Promise<Buffer | undefined>): void {
  let got: Buffer = Buffer.alloc(0);
  let pending = 0;
  let ended = false;
  socket.setTimeout(idleTimeout, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('end', () => {
    ended = true;
    if (pending === 0) socket.end();
  });
  socket.on('data', (chunk) => {
    got = got.length === 0 ? chunk : Buffer.concat([got, chunk]);
    next();
  });

  function next(): void {
    while (pending < mostPipelined && got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
      const end = 2 + got.readUInt16BE(0);
      const message = Buffer.from(got.subarray(2, end));
      got = got.subarray(end);
      pending += 1;
      void answer(message).then(reply, () => socket.destroy());
    }
    if (pending >= mostPipelined) socket.pause();
  }

  function reply(message: Buffer | undefined): void {
    pending -= 1;
    if (!message) return void socket.destroy();
    if (socket.destroyed) return;
    socket.write(framed(message));
    if (ended && pending === 0) return void socket.end();
    socket.resume();
    next();
  }
}
