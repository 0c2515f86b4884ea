import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** What it was asked to create, and what runs. */
interface Container {
  id: string;
  name: string;
  body: Record<string, unknown> & { HostConfig: Record<string, unknown> };
  child: ChildProcess | undefined;
  state: { Running: boolean; ExitCode: number; OOMKilled: boolean; StartedAt: string; FinishedAt: string };
  log: { stream: 1 | 2; chunk: Buffer }[];
  ended: PromiseWithResolvers<void>;
  listeners: Set<(stream: 1 | 2, chunk: Buffer) => void>;
}

type Route = [method: string, path: RegExp, answer: (call: Call) => unknown];
interface Call {
  id: string;
  query: URLSearchParams;
  body: Buffer;
  request: IncomingMessage;
  response: ServerResponse;
}

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Fields of a ContainerCreate that it knows: anything else is a mistake of ours. */
const known = {
  top: [
    'Image',
    'Entrypoint',
    'Cmd',
    'Env',
    'WorkingDir',
    'User',
    'Tty',
    'OpenStdin',
    'StdinOnce',
    'Labels',
    'Hostname',
    'HostConfig',
  ],
  host: [
    ...['NetworkMode', 'IpcMode', 'PidMode', 'Binds', 'GroupAdd', 'CapDrop', 'CapAdd', 'SecurityOpt', 'ReadonlyRootfs'],
    ...['PidsLimit', 'Memory', 'MemorySwap', 'CpuPeriod', 'CpuQuota', 'Init', 'Sysctls'],
  ],
};

/**
 * A container engine as the Docker Engine API 1.41 describes it, for tests: its containers are processes of this machine
 * without any walls. It refuses what the API does not know.
 */
export async function startFakeEngine(socketPath: string) {
  const containers = new Map<string, Container>();
  const images = new Set(['app:1']);
  const networks = new Set<string>();
  const execs = new Map<
    string,
    { container: Container; body: { Cmd: string[]; Tty: boolean; AttachStdin: boolean }; code: number | null }
  >();
  const calls: string[] = [];
  let serial = 0;

  const find = (key: string): Container => {
    const found = containers.get(key) ?? [...containers.values()].find(({ name }) => name === key);
    if (!found) throw new Refusal(404, `No such container: ${key}`);
    return found;
  };
  const json = (call: Call) => JSON.parse(call.body.toString()) as Container['body'];

  function create(call: Call) {
    const body = json(call);
    const strange = [
      ...Object.keys(body).filter((key) => !known.top.includes(key)),
      ...Object.keys(body.HostConfig).filter((key) => !known.host.includes(key)),
    ];
    if (strange.length > 0) throw new Refusal(400, `unknown fields: ${strange.join(', ')}`);
    if (!images.has(String(body['Image']))) throw new Refusal(404, `No such image: ${body['Image']}`);
    const mode = String(body.HostConfig['NetworkMode']);
    if (mode.startsWith('container:')) {
      find(mode.slice(10));
      if (body['Hostname']) throw new Refusal(400, 'conflicting options: hostname and the network mode');
    } else if (!networks.has(mode)) throw new Refusal(404, `network ${mode} not found`);
    const id = (++serial).toString(16).padStart(64, '0');
    const never = '0001-01-01T00:00:00Z';
    const state = { Running: false, ExitCode: 0, OOMKilled: false, StartedAt: never, FinishedAt: never };
    const name = call.query.get('name') ?? id;
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw new Refusal(400, `Invalid container name (${name})`);
    containers.set(id, {
      id,
      name,
      body,
      state,
      child: undefined,
      log: [],
      ended: Promise.withResolvers(),
      listeners: new Set(),
    });
    return { Id: id, Warnings: [] };
  }

  function start({ id }: Call): undefined {
    const container = find(id);
    const { body, state } = container;
    state.Running = true;
    state.StartedAt = new Date().toISOString();
    const end = (code: number) => {
      Object.assign(state, { Running: false, ExitCode: code, FinishedAt: new Date().toISOString() });
      container.ended.resolve();
    };
    const [program, ...args] = [
      ...((body['Entrypoint'] as string[] | undefined) ?? []),
      ...((body['Cmd'] as string[] | undefined) ?? []),
    ];
    if (program === undefined) {
      // The one that holds the pod's network.
      container.ended.promise.catch(() => undefined);
      return undefined;
    }
    if (program === 'no-such-program') {
      state.Running = false;
      throw new Refusal(400, `exec: "${program}": executable file not found in $PATH: unknown`);
    }
    const child = run([program, ...args], (body['Env'] as string[]) ?? []);
    container.child = child;
    const see = (stream: 1 | 2) => (chunk: Buffer) => {
      container.log.push({ stream, chunk });
      for (const listener of container.listeners) listener(stream, chunk);
    };
    child.stdout?.on('data', see(1));
    child.stderr?.on('data', see(2));
    child.on('close', (code, signal) => end(code ?? (signal === 'SIGKILL' ? 137 : 143)));
    return undefined;
  }

  function run([program = '', ...args]: string[], env: string[]): ChildProcess {
    const variables = Object.fromEntries(
      env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    return spawn(program, args, { env: { PATH: process.env['PATH'], ...variables }, stdio: 'pipe', detached: true });
  }

  function kill(container: Container, signal: string): undefined {
    if (!container.state.Running) throw new Refusal(409, `Container ${container.id} is not running`);
    if (container.child?.pid) process.kill(-container.child.pid, signal as NodeJS.Signals);
    else if (signal === 'SIGKILL') {
      Object.assign(container.state, { Running: false, ExitCode: 137 });
      container.ended.resolve();
    }
    return undefined;
  }

  async function remove({ id, query }: Call): Promise<undefined> {
    const container = find(id);
    if (container.state.Running) {
      if (query.get('force') !== 'true') throw new Refusal(409, 'You cannot remove a running container');
      kill(container, 'SIGKILL');
      await container.ended.promise;
    }
    containers.delete(container.id);
  }

  async function logs({ id, response }: Call): Promise<'answered'> {
    const container = find(id);
    const tty = container.body['Tty'] === true;
    response.writeHead(200, { 'content-type': 'application/vnd.docker.raw-stream' });
    const write = (stream: 1 | 2, chunk: Buffer) => void response.write(tty ? chunk : frame(stream, chunk));
    for (const { stream, chunk } of container.log) write(stream, chunk);
    container.listeners.add(write);
    await container.ended.promise;
    response.end();
    return 'answered';
  }

  const routes: Route[] = [
    [
      'GET',
      /^\/version$/,
      () => ({ Version: 'fake', ApiVersion: '1.41', Arch: process.arch === 'x64' ? 'amd64' : 'arm64' }),
    ],
    ['GET', /^\/images\/json$/, () => [...images].map((name) => ({ RepoTags: [name] }))],
    [
      'GET',
      /^\/images\/(.+)\/json$/,
      ({ id }) => {
        if (!images.has(id)) throw new Refusal(404, `No such image: ${id}`);
        return {
          Id: `sha256:${'1'.repeat(64)}`,
          RepoTags: [id],
          Size: 7,
          Config: { Env: ['FROM=image'], Cmd: ['sleep', '1000'], WorkingDir: '', User: '' },
        };
      },
    ],
    [
      'POST',
      /^\/images\/create$/,
      ({ query, body, request, response }) => {
        response.writeHead(200);
        const name = `${query.get('fromImage') ?? query.get('repo')}:${query.get('tag')}`;
        const isThere =
          query.get('fromSrc') === '-' ? body.subarray(257, 262).toString() === 'ustar' : name.startsWith('there');
        if (isThere) images.add(name);
        calls.push(`auth ${request.headers['x-registry-auth'] ?? 'none'}`);
        response.end(`{"status":"..."}\n${isThere ? '' : '{"error":"pull access denied for \\"it\\""}\n'}`);
        return 'answered';
      },
    ],
    [
      'POST',
      /^\/networks\/create$/,
      (call) => {
        const { Name } = JSON.parse(call.body.toString()) as { Name: string };
        networks.add(Name);
        return { Id: Name };
      },
    ],
    [
      'GET',
      /^\/networks\/([^/]+)$/,
      ({ id }) => {
        if (!networks.has(id)) throw new Refusal(404, `network ${id} not found`);
        return { Name: id, IPAM: { Config: [{ Subnet: '127.0.0.0/8', Gateway: '127.0.0.1' }] } };
      },
    ],
    ['DELETE', /^\/networks\/([^/]+)$/, ({ id }) => void networks.delete(id)],
    [
      'GET',
      /^\/containers\/json$/,
      ({ query }) => {
        const { label = [] } = JSON.parse(query.get('filters') ?? '{}') as { label?: string[] };
        return [...containers.values()]
          .filter(({ body }) =>
            label.every((each) =>
              Object.entries((body['Labels'] as object | undefined) ?? {}).some(
                ([key, value]) => `${key}=${value}` === each,
              ),
            ),
          )
          .map(({ id }) => ({ Id: id }));
      },
    ],
    ['POST', /^\/containers\/create$/, create],
    ['POST', /^\/containers\/([^/]+)\/start$/, start],
    [
      'GET',
      /^\/containers\/([^/]+)\/json$/,
      ({ id }) => {
        const { state, body } = find(id);
        return {
          State: state,
          NetworkSettings: { Networks: { [String(body.HostConfig['NetworkMode'])]: { IPAddress: '127.0.0.1' } } },
        };
      },
    ],
    ['GET', /^\/containers\/([^/]+)\/logs$/, logs],
    [
      'POST',
      /^\/containers\/([^/]+)\/wait$/,
      async ({ id }) => {
        const container = find(id);
        await container.ended.promise;
        return { StatusCode: container.state.ExitCode };
      },
    ],
    ['POST', /^\/containers\/([^/]+)\/kill$/, ({ id, query }) => kill(find(id), query.get('signal') ?? 'SIGKILL')],
    [
      'POST',
      /^\/containers\/([^/]+)\/update$/,
      (call) => {
        Object.assign(find(call.id).body.HostConfig, json(call));
        return { Warnings: null };
      },
    ],
    ['DELETE', /^\/containers\/([^/]+)$/, remove],
    [
      'GET',
      /^\/containers\/([^/]+)\/stats$/,
      () => ({
        cpu_stats: { cpu_usage: { total_usage: 5e6 } },
        memory_stats: { usage: 3000, stats: { inactive_file: 1000 } },
      }),
    ],
    [
      'POST',
      /^\/containers\/([^/]+)\/exec$/,
      (call) => {
        const id = `exec${++serial}`;
        execs.set(id, { container: find(call.id), body: JSON.parse(call.body.toString()), code: null });
        return { Id: id };
      },
    ],
    ['GET', /^\/exec\/([^/]+)\/json$/, ({ id }) => ({ ExitCode: execs.get(id)?.code ?? null })],
    [
      'POST',
      /^\/(?:exec|containers)\/([^/]+)\/resize$/,
      ({ query }) => void calls.push(`resize ${query.get('w')}x${query.get('h')}`),
    ],
  ];

  /** An exec or an attach, once the connection is a stream. */
  function join(path: string, socket: Duplex): void {
    const exec = execs.get(/^\/exec\/([^/]+)\/start$/.exec(path)?.[1] ?? '');
    const attached = /^\/containers\/([^/]+)\/attach$/.exec(path)?.[1];
    if (exec) {
      const child = run(exec.body.Cmd, (exec.container.body['Env'] as string[]) ?? []);
      const see = (stream: 1 | 2) => (chunk: Buffer) => void socket.write(exec.body.Tty ? chunk : frame(stream, chunk));
      child.stdout?.on('data', see(1));
      child.stderr?.on('data', see(2));
      if (child.stdin) socket.pipe(child.stdin);
      child.stdin?.on('error', () => undefined);
      child.on('close', (code) => {
        exec.code = code;
        socket.end();
      });
    } else if (attached) {
      const container = find(attached);
      const see = (stream: 1 | 2, chunk: Buffer) =>
        void socket.write(container.body['Tty'] ? chunk : frame(stream, chunk));
      container.listeners.add(see);
      if (container.child?.stdin) socket.pipe(container.child.stdin);
      void container.ended.promise.then(() => socket.end());
    } else socket.destroy();
    socket.on('error', () => undefined);
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://docker');
    const path = /^\/v1\.41(\/.*)$/.exec(pathname)?.[1] ?? '';
    calls.push(`${request.method} ${path}`);
    const route = routes.find(([method, pattern]) => method === request.method && pattern.test(path));
    try {
      if (!route) throw new Refusal(404, 'page not found');
      const id = decodeURIComponent(route[1].exec(path)?.[1] ?? '');
      const answer = await route[2]({ id, query: searchParams, body: Buffer.concat(chunks), request, response });
      if (answer === 'answered') return;
      if (answer === undefined) response.writeHead(204).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(JSON.stringify({ message: String((error as Error).message) }));
    }
  });
  server.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url ?? '/', 'http://docker');
    // The body of the request comes first: an upgrade does not read it.
    const size = Number(request.headers['content-length'] ?? 0);
    const rest = head.subarray(size);
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    if (rest.length > 0) socket.unshift(rest);
    join(pathname.replace('/v1.41', ''), socket);
  });
  await new Promise<void>((done) => server.listen(socketPath, done));
  return {
    containers,
    networks,
    calls,
    stop() {
      for (const { child } of containers.values())
        if (child?.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      server.closeAllConnections();
      server.close();
    },
  };
}

function frame(stream: 1 | 2, chunk: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(chunk.length, 4);
  return Buffer.concat([head, chunk]);
}
