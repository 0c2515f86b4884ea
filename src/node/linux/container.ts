import { randomBytes } from 'node:crypto';
import { watch, writeFileSync } from 'node:fs';
import { mkdir, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecStreams } from '../../client/index.ts';
import { removeTree } from '../remove-tree.ts';
import { type ContainerExit, type ContainerSpec, type RunningContainer, StartError } from '../runtime.ts';
import type { HostBase } from './base.ts';
import type { Cgroup, CgroupTree } from './cgroup.ts';
import { type Child, feed, passOn, startChild } from './child.ts';
import { enterImage, entering } from './enter-image.ts';
import { firstStep, launchWords, writeScripts } from './launch.ts';
import { hasMachineCode } from './machine-code.ts';
import type { PipePool } from './pipes.ts';
import { descendantsOf, signalProcess, terminateFirstProcess } from './process.ts';
import { entrances, hasOwnRoot, imageRoot, mountTables, type RootPlan, setupScript } from './setup-script.ts';
import { quote } from './shell.ts';
import { usageOfGroups, usageOfProcesses } from './usage.ts';

/** What containers need from the instance and from their sandbox. */
export interface ContainerHost {
  base: HostBase;
  cgroups: CgroupTree;
  pipes: PipePool;
  /** Of this instance, in memory, 0700. */
  memoryDir: string;
  sandboxDir: string;
  sandboxId: string;
  /** The process that holds the sandbox's namespaces. */
  pausePid: number;
  /** The namespace of processes that the container joins, as a path; undefined for one of its own. */
  pidNamespace: string | undefined;
}

const startTimeout = 20_000;
/** For how many milliseconds a program counts as starting, and may not yet hear that it should end. */
const startingTime = 1000;

/**
 * Stays outside the new PID namespace, waits for its first process and passes its end on as an exit code (unshare --fork
 * cannot: it trips over SIGKILL), without the shell's own remark about it. The first process dies with it, and gives up if it is gone already.
 */
const keeper = `exec 8>&2 2>/dev/null; setpriv --pdeathsig KILL sh -c '[ -e /proc/'$$'/exe ] || exit 1; eval "$(cat <&4)"' 2>&8 8>&-; exit $?`;

/** Starts a container in a sandbox and waits until its program runs. @throws StartError */
export async function startContainer(spec: ContainerSpec, host: ContainerHost): Promise<LinuxContainer> {
  if (hasOwnRoot(spec) && !hasMachineCode) {
    const why = `images with a root of their own cannot be entered on ${process.arch}`;
    throw new StartError('CreateContainerError', `image ${spec.image.reference}: ${why}`);
  }
  const folder = join(host.sandboxDir, spec.id.slice(0, 16));
  const report = join(folder, 'report');
  const oldRoot = `.old-${randomBytes(16).toString('hex')}`;
  const plan = { base: host.base, folder, etc: join(host.sandboxDir, 'etc'), oldRoot };
  await prepareFolder(plan, spec);
  const cgroup = await host.cgroups.create(`${host.sandboxId}-${spec.id.slice(0, 16)}`, spec.limits);
  const watchers = new Set<(stream: 'stdout' | 'stderr', chunk: Buffer) => void>();
  const setup = setupScript(spec, plan);
  const entrance = writeEntrance(folder, spec, spec.command, 'start');
  const files = writeScripts(host.memoryDir, { ...spec, entrance: entrance?.seen }, setup);
  const ns = (name: string) => `--${name}=/proc/${host.pausePid}/ns/${name}`;
  const words = firstStep({
    files,
    report,
    cgroups: cgroup.folders,
    next: [
      'nsenter',
      '--no-fork',
      ...['net', 'uts', 'ipc'].map(ns),
      ...(host.pidNamespace === undefined ? [] : [`--pid=${host.pidNamespace}`]),
      'unshare',
      ...(host.pidNamespace === undefined ? ['--pid'] : []),
      ...['--mount', 'sh', '-c', keeper],
    ],
  });
  const output = (stream: 'stdout' | 'stderr', chunk: Buffer) => {
    const began = performance.now();
    spec.output(stream, chunk);
    for (const see of watchers) see(stream, chunk);
    const took = performance.now() - began;
    if (took > longOutput) rest(child, took * restFactor);
  };
  const { stdin, tty, user } = spec;
  const child = await startChild({ words, stdin, tty, uid: user.uid, output }, host.pipes);
  try {
    const pid = await untilStarted(child, report);
    return handleOf({ spec, host, child, cgroup, folder, pid, watchers });
  } catch (error) {
    signalProcess(child.pid, 'SIGKILL');
    await child.ended;
    await cgroup.remove();
    await removeTree(folder);
    throw error;
  }
}

/** What a program writes without end must not keep this process from everything else: it is read a sixth of the time. */
const longOutput = 1;
const restFactor = 5;

function rest(child: Child, milliseconds: number): void {
  child.pause();
  setTimeout(() => child.resume(), milliseconds);
}

async function prepareFolder(plan: RootPlan, spec: ContainerSpec): Promise<void> {
  const { folder } = plan;
  const ofImage = ['image-upper', 'image-work', 'image-spare', 'enter'];
  for (const name of ['root', 'work', 'spare', `upper/${plan.oldRoot}`, ...(hasOwnRoot(spec) ? ofImage : [])]) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  }
  await symlink(plan.base.folder, join(folder, 'base'));
  await symlink(plan.base.mountPoints, join(folder, 'mount-points'));
  for (const [at, layer] of spec.layers.entries()) await symlink(layer, join(folder, `l${at}`));
  for (const [at, { kind }] of spec.mounts.entries()) {
    const place = join(folder, `v${at}`);
    await (kind === 'file' ? writeFile(place, '') : mkdir(place));
  }
  for (const [name, table] of Object.entries(mountTables(plan, spec.mounts)))
    await writeFile(join(folder, name), table);
  await writeFile(join(folder, 'report'), '', { mode: 0o600 });
}

/** Where a program lies that leads into an image with a root of its own: on the host, and as the container's first root has it. */
interface Entrance {
  path: string;
  seen: string;
}

/** Writes the program that leads to a command; undefined for an image without a root of its own. */
function writeEntrance(
  folder: string,
  spec: ContainerSpec,
  command: readonly string[],
  name: string,
): Entrance | undefined {
  if (!hasOwnRoot(spec)) return undefined;
  const path = join(folder, 'enter', name);
  // At once: a process that is started meanwhile would inherit the open file, and what is being written cannot be run.
  writeFileSync(path, enterImage({ ...spec, root: imageRoot, program: command[0] ?? '' }), { mode: 0o755, flag: 'wx' });
  return { path, seen: `${entrances}/${name}` };
}

/** Waits for the 'ok' in the report and gives the id of the program's process. @throws StartError with what the report says. */
async function untilStarted(child: Child, report: string): Promise<number> {
  const lines = async () => (await readFile(report, 'utf8')).split('\n').filter(Boolean);
  const settled = new AbortController();
  const started = new Promise<number>((resolve, reject) => {
    const watcher = watch(report, { persistent: false, signal: settled.signal });
    const look = () =>
      lines().then((said) => {
        const pid = Number(said[0]?.replace('pid ', ''));
        if (said.includes('ok') && pid > 0) resolve(pid);
      }, reject);
    watcher.on('change', look);
    watcher.on('error', reject);
    void look();
  });
  const timer = setTimeout(() => signalProcess(child.pid, 'SIGKILL'), startTimeout);
  try {
    const first = await Promise.race([started, child.ended.then((code) => ({ code }))]);
    if (typeof first === 'number') return first;
    // A program may also have started and ended before anybody looked.
    const said = await lines();
    if (said.includes('ok')) return Number(said[0]?.replace('pid ', ''));
    const problem = said.filter((line) => line !== 'root' && !line.startsWith('pid ')).join('; ');
    throw new StartError(
      said.includes('root') ? 'StartError' : 'CreateContainerError',
      problem || `setting up the container ended with code ${first.code}`,
    );
  } finally {
    clearTimeout(timer);
    settled.abort();
  }
}

interface Parts {
  spec: ContainerSpec;
  host: ContainerHost;
  /** The keeper: outside the container's PID namespace, and in its mount namespace. */
  child: Child;
  cgroup: Cgroup;
  folder: string;
  pid: number;
  watchers: Set<(stream: 'stdout' | 'stderr', chunk: Buffer) => void>;
}

/** A container with the id of its program's process on the host. */
export interface LinuxContainer extends RunningContainer {
  readonly pid: number;
}

function handleOf(parts: Parts): LinuxContainer {
  const { spec, host, child, cgroup, folder, pid, watchers } = parts;
  let running = true;
  const startedAt = new Date();
  let removed: Promise<void> | undefined;
  const exited = child.ended.then(async (code): Promise<ContainerExit> => {
    running = false;
    return { code, oomKilled: code === 137 && (await cgroup.oomKills()) > 0, finishedAt: new Date() };
  });
  return {
    id: spec.id,
    pid,
    startedAt,
    exited,
    signal(name) {
      if (!running) return;
      if (name !== 'SIGTERM' || host.pidNamespace !== undefined) return signalProcess(pid, name);
      terminateFirstProcess(pid);
      // A program that is still starting may swallow it: some runtimes catch SIGTERM only to raise it again for the
      // kernel to act on, which it does not for a first process. Such a program is asked once more.
      if (Date.now() - startedAt.getTime() < startingTime) {
        setTimeout(() => running && terminateFirstProcess(pid), startingTime).unref();
      }
    },
    async exec(command, streams) {
      if (!running) throw new Error('the container has ended');
      return execIn(parts, command, streams);
    },
    async attach(streams) {
      if (!running) return (await exited).code;
      const see = (stream: 'stdout' | 'stderr', chunk: Buffer) => passOn(chunk, streams[stream], child);
      watchers.add(see);
      if (spec.stdin) feed(child, streams.stdin, streams.resize, streams.signal, spec.stdinOnce);
      const gone = new Promise<number>((resolve) =>
        streams.signal.addEventListener('abort', () => resolve(0), { once: true }),
      );
      try {
        return await Promise.race([exited.then((exit) => exit.code), gone]);
      } finally {
        watchers.delete(see);
        // It may have been waited for.
        child.resume();
      }
    },
    async usage() {
      if (!running) return undefined;
      // It may end, and its groups go, while they are read.
      return (await usageOfGroups(cgroup.groups).catch(() => undefined)) ?? (await usageOfProcesses(pid));
    },
    remove() {
      removed ??= exited.then(async () => {
        await cgroup.remove();
        await removeTree(folder);
      });
      return removed;
    },
  };
}

let serial = 0;

/** The start of a report: a process of the container may get hold of it before it is closed there, and write without end. */
async function readStart(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostReport), 0, mostReport, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

const mostReport = 4096;

/** A terminal of the container's own, which has a name there: script(1) makes it and passes everything through. */
const onTerminal = (words: readonly string[]) => [
  'script',
  '--quiet',
  '--return',
  '--command',
  `exec ${words.map(quote).join(' ')}`,
  '/dev/null',
];

/**
 * Runs another program in the namespaces, the root, the control groups and with the privileges of the container's. The
 * namespaces are the keeper's and the pause process's: those of the container's own processes may be others by now, made
 * by them, with libraries of theirs in place of the host's.
 */
async function execIn(
  { spec, host, child: keeperChild, cgroup, folder }: Parts,
  command: readonly string[],
  streams: ExecStreams,
): Promise<number> {
  const name = `exec-${serial++}`;
  const report = join(folder, name);
  await writeFile(report, '', { mode: 0o600 });
  const env = streams.tty ? new Map([['TERM', 'xterm'], ...spec.env]) : spec.env;
  const entrance = writeEntrance(folder, spec, command, name);
  const { workingDir } = spec;
  const files = writeScripts(host.memoryDir, { command, env, workingDir, entrance: entrance?.seen });
  const privileges = entrance ? entering(spec) : spec;
  const enter = [
    'nsenter',
    ...['uts', 'ipc', 'net'].map((name) => `--${name}=/proc/${host.pausePid}/ns/${name}`),
    `--mount=/proc/${keeperChild.pid}/ns/mnt`,
    `--pid=/proc/${keeperChild.pid}/ns/pid_for_children`,
  ];
  let child: Child | undefined;
  const output = (stream: 'stdout' | 'stderr', chunk: Buffer) => passOn(chunk, streams[stream], child);
  const words = firstStep({
    files,
    report,
    cgroups: cgroup.folders,
    next: [...enter, ...launchWords(privileges, streams.tty ? onTerminal : undefined)],
  });
  const started = await startChild(
    { words, stdin: streams.stdin !== undefined, tty: streams.tty, uid: spec.user.uid, output },
    host.pipes,
  );
  child = started;
  const kill = () => {
    // nsenter only waits for the program: that is what must go.
    for (const inner of [...descendantsOf(started.pid), started.pid]) signalProcess(inner, 'SIGKILL');
    started.resume();
  };
  streams.signal.addEventListener('abort', kill, { once: true });
  if (streams.signal.aborted) kill();
  feed(started, streams.stdin, streams.resize, streams.signal, true);
  try {
    const code = await started.ended;
    const said = await readStart(report);
    if (!said.includes('ok\n') && said !== '') throw new Error(said.trim());
    return code;
  } finally {
    streams.signal.removeEventListener('abort', kill);
    await rm(report, { force: true });
    if (entrance) await rm(entrance.path, { force: true });
  }
}
