import type { Duplex } from 'node:stream';
import type { ExecStreams } from '../../client/index.ts';
import { type ContainerExit, type ContainerSpec, type RunningContainer, StartError, type Usage } from '../runtime.ts';
import { type Engine, EngineError } from './engine.ts';
import { readFrames } from './frames.ts';

/** What a container shares with its pod. */
export interface ContainerPlace {
  /** Id of the container that holds the pod's network. */
  sandbox: string;
  /** Name of the new container. */
  name: string;
  labels: Readonly<Record<string, string>>;
  /** The container whose processes it sees, if not only its own. */
  processesOf: string | undefined;
  /** Files of the sandbox for /etc, as Docker's binds. */
  binds: readonly string[];
}

interface Inspect {
  State: { OOMKilled?: boolean; ExitCode: number; StartedAt: string; FinishedAt: string };
}

const mostProcesses = 4096;
const cpuPeriod = 100_000;

/** Creates and starts a container. @throws StartError */
export async function startContainer(
  spec: ContainerSpec,
  place: ContainerPlace,
  engine: Engine,
): Promise<RunningContainer> {
  const created = await engine
    .call<{ Id: string }>('POST', '/containers/create', { query: { name: place.name }, body: creation(spec, place) })
    .catch((error: Error) => {
      throw new StartError('CreateContainerError', error.message, { cause: error });
    });
  const path = `/containers/${created.Id}`;
  try {
    await engine.call('POST', `${path}/start`);
  } catch (error) {
    await engine.call('DELETE', path, { query: { force: true, v: true } }).catch(() => undefined);
    throw new StartError('StartError', error instanceof Error ? error.message : String(error), { cause: error });
  }
  return handleOf(spec, created.Id, engine);
}

/** The body of a ContainerCreate. */
function creation(spec: ContainerSpec, place: ContainerPlace): object {
  const { user, limits } = spec;
  const [program, ...args] = spec.command;
  const binds = spec.mounts.map((mount) => {
    if (mount.subPath)
      throw new StartError('CreateContainerError', 'subPath is not supported by the docker runtime yet');
    return `${mount.hostPath}:${mount.containerPath}${mount.readOnly ? ':ro' : ''}`;
  });
  const mode = `container:${place.sandbox}`;
  return {
    Image: spec.image.reference,
    Entrypoint: [program],
    Cmd: args,
    Env: [...spec.env].map(([name, value]) => `${name}=${value}`),
    WorkingDir: spec.workingDir,
    User: `${user.uid}:${user.gid}`,
    Tty: spec.tty,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    Labels: place.labels,
    HostConfig: {
      NetworkMode: mode,
      IpcMode: mode,
      ...(place.processesOf === undefined ? {} : { PidMode: `container:${place.processesOf}` }),
      Binds: [...place.binds, ...binds],
      GroupAdd: user.groups.map(String),
      CapDrop: ['ALL'],
      CapAdd: spec.capabilities.map((name) => `CAP_${name.toUpperCase()}`),
      SecurityOpt: [
        ...(spec.noNewPrivileges ? ['no-new-privileges'] : []),
        ...(spec.seccompUnconfined ? ['seccomp=unconfined'] : []),
      ],
      ReadonlyRootfs: spec.readOnlyRoot,
      PidsLimit: mostProcesses,
      ...limitsOf(limits),
    },
  };
}

/** Limits as HostConfig and an update have them. */
function limitsOf({ memory, cpu }: ContainerSpec['limits']): Record<string, number> {
  return {
    ...(memory === undefined ? {} : { Memory: memory, MemorySwap: memory }),
    ...(cpu === undefined
      ? {}
      : { CpuPeriod: cpuPeriod, CpuQuota: Math.max(1000, Math.round((cpu * cpuPeriod) / 1000)) }),
  };
}

async function handleOf(spec: ContainerSpec, id: string, engine: Engine): Promise<RunningContainer> {
  const path = `/containers/${id}`;
  const inspect = () => engine.call<Inspect>('GET', `${path}/json`);
  const { State } = await inspect();
  let running = true;
  const query = { follow: true, stdout: true, stderr: true };
  const read = engine.stream('GET', `${path}/logs`, { query }).then((logs) => readFrames(logs, spec.tty, spec.output));
  const exited = engine
    .call<{ StatusCode: number }>('POST', `${path}/wait`)
    .then(async ({ StatusCode }): Promise<ContainerExit> => {
      running = false;
      await read;
      const { State: end } = await inspect();
      return { code: StatusCode, oomKilled: end.OOMKilled === true, finishedAt: new Date(end.FinishedAt) };
    })
    // The engine has lost it, or is gone itself: how it ended is not known.
    .catch((): ContainerExit => ({ code: 137, oomKilled: false, finishedAt: new Date() }))
    .finally(() => {
      running = false;
    });
  return {
    id: spec.id,
    startedAt: new Date(State.StartedAt),
    exited,
    signal(name) {
      // One that has ended is as good as signalled.
      if (running) void engine.call('POST', `${path}/kill`, { query: { signal: name } }).catch(() => undefined);
    },
    resize: async (changed) => engine.call('POST', `${path}/update`, { body: limitsOf(changed) }),
    async exec(command, streams) {
      const { Id } = await engine.call<{ Id: string }>('POST', `${path}/exec`, { body: execution(command, streams) });
      const stream = await engine.hijack(`/exec/${Id}/start`, { body: { Detach: false, Tty: streams.tty } });
      await join(stream, streams, streams.tty, (size) => engine.call('POST', `/exec/${Id}/resize`, { query: size }));
      return (await engine.call<{ ExitCode: number | null }>('GET', `/exec/${Id}/json`)).ExitCode ?? 137;
    },
    async attach(streams) {
      if (!running) return (await exited).code;
      const asked = { stream: true, stdout: true, stderr: true, stdin: spec.stdin && streams.stdin !== undefined };
      const stream = await engine.hijack(`${path}/attach`, { query: asked });
      const joined = join(stream, streams, spec.tty, (size) => engine.call('POST', `${path}/resize`, { query: size }));
      const gone = joined.then(() => (streams.signal.aborted ? 0 : exited.then(({ code }) => code)));
      return Promise.race([exited.then(({ code }) => code), gone]);
    },
    usage: async () =>
      running
        ? usageOf(await engine.call<Stats>('GET', `${path}/stats`, { query: { stream: false, 'one-shot': true } }))
        : undefined,
    async remove() {
      await exited;
      await engine.call('DELETE', path, { query: { force: true, v: true } }).catch(ignoreGone);
    },
  };
}

function execution(command: readonly string[], { stdin, tty }: ExecStreams): object {
  return { Cmd: command, AttachStdin: stdin !== undefined, AttachStdout: true, AttachStderr: !tty, Tty: tty };
}

/** Joins a client to a stream of the engine, until that ends or the client's signal fires. */
async function join(
  stream: Duplex,
  { stdin, stdout, stderr, resize, signal }: ExecStreams,
  tty: boolean,
  setSize: (size: { w: number; h: number }) => Promise<unknown>,
): Promise<void> {
  const stop = () => stream.destroy();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  stdin?.on('error', () => undefined); // The client is gone; its signal says so.
  stdin?.pipe(stream);
  if (resize) void follow(resize, setSize);
  await readFrames(stream, tty, (name, chunk) => {
    const sink = name === 'stdout' ? stdout : stderr;
    if (!sink || sink.destroyed || sink.write(chunk)) return;
    // As fast as the client takes it.
    stream.pause();
    const resume = () => void stream.resume();
    sink.once('drain', resume);
    sink.once('close', resume);
  });
  signal.removeEventListener('abort', stop);
  stream.destroy();
}

async function follow(
  resize: AsyncIterable<{ width: number; height: number }>,
  setSize: (size: { w: number; h: number }) => Promise<unknown>,
): Promise<void> {
  try {
    for await (const { width, height } of resize) await setSize({ w: width, h: height });
  } catch {
    // The sizes end with the client's connection, or the program has ended: it goes on with the last one.
  }
}

interface Stats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  memory_stats?: { usage?: number; stats?: { inactive_file?: number; total_inactive_file?: number } };
}

function usageOf({ cpu_stats, memory_stats }: Stats): Usage | undefined {
  const cpuNanos = cpu_stats?.cpu_usage?.total_usage;
  const used = memory_stats?.usage;
  if (cpuNanos === undefined || used === undefined) return undefined;
  const { total_inactive_file, inactive_file } = memory_stats?.stats ?? {};
  return { cpuNanos, memoryBytes: Math.max(0, used - (total_inactive_file ?? inactive_file ?? 0)) };
}

/** What is gone already is as good as removed. */
export function ignoreGone(error: unknown): void {
  if (!(error instanceof EngineError && error.status === 404)) throw error;
}
