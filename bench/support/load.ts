import { readFileSync } from 'node:fs';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { parse } from 'yaml';
import { createAnswerReader } from './answers.ts';

/** One HTTP request of a load. */
export interface Call {
  method: string;
  path: string;
  body?: string;
  contentType?: string;
  accept?: string;
}

/** How many calls a second, how long one took at the median and at the 99th percentile in ms, and the client's CPU seconds. */
export interface Load {
  rate: number;
  p50: number;
  p99: number;
  clientCpu: number;
}

/**
 * A client on kept TLS connections, written straight to their sockets: the least that a client must do, so that the server
 * is what is measured. It authenticates with the kubeconfig's client certificate or token.
 */
export interface LoadClient {
  /** Sends one call and resolves to the answer's size in bytes. Rejects on any status of 400 or more. */
  send(call: Call): Promise<number>;
  /** Sends `count` calls over `clients` connections, each waiting for its answer before it sends the next. */
  load(clients: number, count: number, call: (index: number) => Call): Promise<Load>;
  /** Opens a watch and calls back with the number of events in each piece that arrives. Resolves once it is open. */
  watch(path: string, onEvents: (count: number) => void): Promise<() => void>;
  close(): void;
}

interface KubeconfigFile {
  clusters: [{ cluster: { server: string; 'certificate-authority-data'?: string } }];
  users: [{ user: { 'client-certificate-data'?: string; 'client-key-data'?: string; token?: string } }];
}

/** What follows an answer while it comes in. */
interface Follower {
  opened(): void;
  body(piece: Buffer): void;
}

interface Waiting {
  answered(size: number): void;
  failed(error: Error): void;
  follower: Follower | undefined;
}

/** One connection, which has at most one call on its way. */
interface Connection {
  send(call: Call, follower?: Follower): Promise<number>;
  close(): void;
}

const newline = 10;

export function createLoadClient(kubeconfig: string): LoadClient {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
  const [{ cluster }] = config.clusters;
  const [{ user }] = config.users;
  const decode = (text: string | undefined): Buffer | undefined => (text ? Buffer.from(text, 'base64') : undefined);
  const { hostname, port, host } = new URL(cluster.server);
  const ca = decode(cluster['certificate-authority-data']);
  const tls = {
    host: hostname,
    port: Number(port),
    ...(ca ? { ca } : { rejectUnauthorized: false }),
    cert: decode(user['client-certificate-data']),
    key: decode(user['client-key-data']),
  };
  const credential = user.token ? `authorization: Bearer ${user.token}\r\n` : '';
  let idle: Connection[] = [];
  const open = new Set<Connection>();

  function textOf({ method, path, body, contentType = 'application/json', accept }: Call): string {
    let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: bench\r\n${credential}`;
    if (accept !== undefined) head += `accept: ${accept}\r\n`;
    if (body === undefined) return `${head}\r\n`;
    return `${head}content-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  async function dial(): Promise<Connection> {
    const socket = await handshake(tls);
    const connection = converse(socket, textOf);
    // Servers close what nobody has used for a while.
    socket.on('close', () => {
      open.delete(connection);
      idle = idle.filter((other) => other !== connection);
    });
    open.add(connection);
    return connection;
  }

  async function load(clients: number, count: number, call: (index: number) => Call): Promise<Load> {
    while (idle.length < clients) idle.push(await dial());
    const connections = idle.splice(0, clients);
    const times = new Float64Array(count);
    let next = 0;
    const before = process.cpuUsage();
    const start = performance.now();
    await Promise.all(
      connections.map(async (connection) => {
        while (next < count) {
          const index = next++;
          const began = performance.now();
          await connection.send(call(index));
          times[index] = performance.now() - began;
        }
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const { user: own, system } = process.cpuUsage(before);
    idle.push(...connections);
    times.sort();
    const at = (share: number): number => times[Math.min(count - 1, Math.floor(count * share))] ?? 0;
    return { rate: count / seconds, p50: at(0.5), p99: at(0.99), clientCpu: (own + system) / 1e6 };
  }

  return {
    async send(call) {
      const connection = idle.pop() ?? (await dial());
      const size = await connection.send(call);
      idle.push(connection);
      return size;
    },
    load,
    async watch(path, onEvents) {
      const connection = await dial();
      await new Promise<void>((opened, failed) => {
        // The answer itself never ends: a watch is left by closing its connection.
        connection
          .send({ method: 'GET', path }, { opened, body: (piece) => onEvents(countLines(piece)) })
          .catch(failed);
      });
      return connection.close;
    },
    close() {
      for (const connection of open) connection.close();
    },
  };
}

function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(options);
    socket.setNoDelay(true);
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Sends calls over a socket and hands their answers to whoever waits for them. */
function converse(socket: TLSSocket, textOf: (call: Call) => string): Connection {
  let waiting: Waiting | undefined;
  let sent: Call | undefined;
  let status = 0;
  let size = 0;
  let refusal = '';
  const read = createAnswerReader({
    head(code) {
      status = code;
      size = 0;
      refusal = '';
      if (status < 400) waiting?.follower?.opened();
    },
    body(piece) {
      size += piece.length;
      if (status >= 400) refusal += piece;
      else waiting?.follower?.body(piece);
    },
    end() {
      const done = waiting;
      waiting = undefined;
      if (status < 400) done?.answered(size);
      else done?.failed(new Error(`${sent?.method} ${sent?.path}: ${status} ${refusal}`));
    },
  });
  socket.on('data', read);
  socket.on('error', (error) => waiting?.failed(error));
  socket.on('close', () =>
    waiting?.failed(new Error(`${sent?.method} ${sent?.path}: the server closed the connection`)),
  );
  return {
    send(call, follower) {
      sent = call;
      return new Promise((answered, failed) => {
        waiting = { answered, failed, follower };
        socket.write(textOf(call));
      });
    },
    close() {
      waiting = undefined;
      socket.destroy();
    },
  };
}

function countLines(piece: Buffer): number {
  let count = 0;
  for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, at + 1)) count++;
  return count;
}
