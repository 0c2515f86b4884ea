import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import { codes, framed, headerSize, labelBytes, MessageError, type RawRecord, readResponse } from './message.ts';

/** The machine's resolvers, which answer for every name that is not the cluster's. */
export interface Upstream {
  /** Passes a query on as it is and returns the answer as it is, with the query's id. Rejects when nobody answers. */
  forward(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer>;
  /** The records of a name. Rejects when nobody answers; a name that is not there has none. */
  lookup(name: string, type: number): Promise<readonly RawRecord[]>;
}

/** One resolver may take this long, in milliseconds, before the next is asked. */
const patience = 2_000;
/** Queries on their way at the same time (CoreDNS' forward, max_concurrent). */
const mostPending = 1_000;
const resolvConf = '/etc/resolv.conf';

export interface Resolver {
  address: string;
  port: number;
}

/** @param resolvers who is asked, one after the other; the machine's by default, as they are at the time. */
export function createUpstream(resolvers: () => Promise<readonly Resolver[]> = machineResolvers): Upstream {
  let pending = 0;

  async function forward(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer> {
    if (pending >= mostPending) throw new Error(`${mostPending} names are being asked for already`);
    pending += 1;
    try {
      return await ask(query, transport, await resolvers());
    } finally {
      pending -= 1;
    }
  }

  return {
    forward,
    async lookup(name, type) {
      const query = queryFor(name, type);
      const first = readResponse(await forward(query, 'udp'));
      const { code, answers } = first.truncated ? readResponse(await forward(query, 'tcp')) : first;
      if (code !== codes.success && code !== codes.nameError) throw new Error(`${name}: the resolver answered ${code}`);
      return answers;
    },
  };
}

async function ask(query: Buffer, transport: 'udp' | 'tcp', resolvers: readonly Resolver[]): Promise<Buffer> {
  let last: unknown = new Error('this machine has no resolvers');
  for (const resolver of resolvers) {
    try {
      const sent = Buffer.from(query);
      // Ours, so that nobody who knows the client's can answer in the resolver's place.
      sent.writeUInt16BE(randomInt(0x10000), 0);
      const answer = Buffer.from(await (transport === 'udp' ? askByDatagram : askByStream)(sent, resolver));
      query.copy(answer, 0, 0, 2);
      return answer;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Each question has a socket of its own: the kernel lets only the resolver's datagrams in, and picks another port. */
function askByDatagram(query: Buffer, { address, port }: Resolver): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
    const timer = setTimeout(() => fail(new Error(`${address} did not answer within ${patience / 1000} s`)), patience);
    const fail = (error: Error) => {
      reject(error);
      end();
    };
    const end = () => {
      clearTimeout(timer);
      socket
        .off('message', take)
        .off('error', fail)
        .on('error', () => undefined);
      socket.close();
    };
    const take = (answer: Buffer) => {
      if (!answers(answer, query)) return;
      resolve(answer);
      end();
    };
    socket.on('error', fail).on('message', take);
    socket.connect(port, address, () => socket.send(query));
  });
}

function askByStream(query: Buffer, { address, port }: Resolver): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, timeout: patience });
    let got: Buffer = Buffer.alloc(0);
    socket.on('connect', () => socket.write(framed(query)));
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (got.length < 2 || got.length < 2 + got.readUInt16BE(0)) return;
      const answer = got.subarray(2, 2 + got.readUInt16BE(0));
      if (answers(answer, query)) resolve(answer);
      socket.destroy();
    });
    socket.on('timeout', () => socket.destroy(new Error(`${address} did not answer within ${patience / 1000} s`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${address} closed the connection without an answer`)));
  });
}

/** Whether a message answers this query: a response with its id and its question, letter for letter. */
function answers(message: Buffer, query: Buffer): boolean {
  if (
    message.length < headerSize ||
    message.readUInt16BE(0) !== query.readUInt16BE(0) ||
    !(message.readUInt8(2) & 0x80)
  )
    return false;
  // A resolver that could not read the query may leave the question out.
  if (message.readUInt16BE(4) === 0) return (message.readUInt8(3) & 15) !== codes.success;
  const end = questionEnd(query);
  return message.subarray(headerSize, end).equals(query.subarray(headerSize, end));
}

function questionEnd(query: Buffer): number {
  let at = headerSize;
  while (query[at]) at += 1 + (query[at] ?? 0);
  return at + 5;
}

function queryFor(name: string, type: number): Buffer {
  const labels = name.split('.');
  if (labels.some((label) => label.length > 63 || label === '')) throw new MessageError(`${name} is not a name`);
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([header, ...labelBytes(labels), Buffer.from([type >>> 8, type & 0xff, 0, 1])]);
}

/** Read each time: a laptop that changes its network changes its resolvers. */
async function machineResolvers(): Promise<Resolver[]> {
  const text = await readFile(resolvConf, 'utf8').catch(() => '');
  return [...text.matchAll(/^nameserver\s+(\S+)/gm)]
    .map(([, address = '']) => address)
    .filter((address) => isIP(address.split('%', 1)[0] ?? '') !== 0)
    .slice(0, 3)
    .map((address) => ({ address, port: 53 }));
}
