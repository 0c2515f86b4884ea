import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, watch } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../remove-tree.ts';
import { type ContainerExit, type ContainerSpec, type RunningContainer, StartError } from '../runtime.ts';
import type { HostBase } from './base.ts';
import type { Cgroup, CgroupTree } from './cgroup.ts';
import { type Child, feed, passOn } from './child.ts';
import { ioPaths, makeIo, openIo, openProgramEnds } from './container-io.ts';
import { writeEntrance } from './entrance.ts';
import { execIn } from './exec.ts';
import { firstStepOfContainer, writeScripts } from './launch.ts';
import { hasMachineCode } from './machine-code.ts';
import type { PipePool } from './pipes.ts';
import { isAlive, type KnownProcess, signalKnown, signalProcess, terminateFirstProcess } from './process.ts';
import { type ContainerRecord, keeperFile, parseStat, saveContainer } from './records.ts';
import { hasOwnRoot, mountTables, type RootPlan, setupScript } from './setup-script.ts';
import { quote, spawnTool } from './shell.ts';
import { usageOfGroups, usageOfProcesses } from './usage.ts';

/** What containers need from the instance and from their sandbox. */
export interface ContainerHost {
  base: HostBase;
  cgroups: CgroupTree;
  pipes: PipePool;
  /** Of this instance, in memory, 0700. */
  memoryDir: string;
  /** Of the sandbox, on disk and in memory. */
  sandboxDir: string;
  recordDir: string;
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
 * Stays outside the new PID namespace, waits for its first process and tells of its end (unshare --fork cannot: it trips
 * over SIGKILL), without the shell's own remark about it. Then it stops, and is killed by who has read that: until then what
 * the program has written is safe in its pipes. The first process dies with it, and gives up if it is gone already. It
 * calls no program once its root may be the container's.
 */
const keeperScript = (file: string) =>
  [
    `read -r stat </proc/$$/stat && echo "$stat" >${quote(file)} || exit 1`,
    'exec 8>&2 2>/dev/null',
    // The shell redirects what it runs itself in its own process, its remark included: so another one does it.
    `(exec setpriv --pdeathsig KILL sh -c '[ -e /proc/'$$'/exe ] || exit 1; eval "$(cat <&4)"' 2>&8 8>&- 6<&- 7<&- 9<&-)`,
    'echo "exit $?" >&9',
    'kill -STOP $$',
  ].join('\n');

/** Starts a container in a sandbox and waits until its program runs. @throws StartError */
export async function startContainer(spec: ContainerSpec, host: ContainerHost): Promise<LinuxContainer> {
  if (hasOwnRoot(spec) && !hasMachineCode) {
    const why = `images with a root of their own cannot be entered on ${process.arch}`;
    throw new StartError('CreateContainerError', `image ${spec.image.reference}: ${why}`);
  }
  const short = spec.id.slice(0, 16);
  const folder = join(host.sandboxDir, short);
  const recordFolder = join(host.recordDir, short);
  const oldRoot = `.old-${randomBytes(16).toString('hex')}`;
  const plan = { base: host.base, folder, etc: join(host.sandboxDir, 'etc'), oldRoot };
  await prepareFolder(plan, spec);
  await mkdir(recordFolder, { mode: 0o700 });
  const cgroupName = `${host.sandboxId}-${short}`;
  const cgroup = await host.cgroups.create(cgroupName, spec.limits);
  const { output, stdin, tty, user } = spec;
  const paths = ioPaths(recordFolder);
  await makeIo(paths, stdin, host.pipes);
  let processes: Processes | undefined;
  const watched = watchOutput(output);
  const child = openIo({ paths, processes: () => processes, stdin, tty, output: watched.output });
  watched.follows(child);
  const ends = openProgramEnds(paths, stdin, user.uid);
  const ns = (name: string) => `--${name}=/proc/${host.pausePid}/ns/${name}`;
  const report = join(folder, 'report');
  const entrance = writeEntrance(folder, spec, spec.command, 'start');
  const first = {
    files: writeScripts(host.memoryDir, { ...spec, entrance: entrance?.seen }, setupScript(spec, plan)),
    report,
    cgroups: cgroup.folders,
    next: [
      'nsenter',
      '--no-fork',
      ...['net', 'uts', 'ipc'].map(ns),
      ...(host.pidNamespace === undefined ? [] : [`--pid=${host.pidNamespace}`]),
      'unshare',
      ...(host.pidNamespace === undefined ? ['--pid'] : []),
      ...['--mount', 'sh', '-c', keeperScript(join(recordFolder, keeperFile))],
    ],
  };
  const outer = spawnTool(firstStepOfContainer(first, paths, { stdin, tty }), {
    detached: true,
    stdio: [ends.stdin, ends.stdout, ends.stderr],
  });
  for (const fd of [ends.stdin, ends.stdout, ends.stderr]) if (fd !== 'ignore') closeSync(fd);
  // A start that fails early has no keeper that would tell of it: its life ends here.
  const held = once(() => closeSync(ends.life));
  outer.on('exit', held);
  outer.on('error', held);
  try {
    const started = await untilStarted(outer, child.ended, report);
    processes = { keeper: await keeperOf(recordFolder), stdinHolder: started.stdinHolder };
    held();
    const { output: _, env, ...saved } = spec;
    const record: ContainerRecord = {
      spec: { ...saved, env: Object.fromEntries(env) },
      startedAt: new Date().toISOString(),
      pid: started.pid,
      ...processes,
      pidNamespace: host.pidNamespace,
      folder,
      cgroup: cgroupName,
    };
    await saveContainer(recordFolder, record);
    return handleOf({ record, host, child, cgroup, recordFolder, watchers: watched.watchers });
  } catch (error) {
    held();
    if (outer.pid !== undefined) signalProcess(outer.pid, 'SIGKILL');
    const keeper = await keeperOf(recordFolder).catch(() => undefined);
    if (keeper) signalKnown(keeper, 'SIGKILL');
    await child.ended;
    await cgroup.remove();
    await removeTree(recordFolder);
    await removeTree(folder);
    throw error;
  }
}

/** Takes over a container that an earlier process has started. What it wrote meanwhile comes first. */
export function resumeContainer(
  record: ContainerRecord,
  host: Omit<ContainerHost, 'pidNamespace'>,
  output: ContainerSpec['output'],
): LinuxContainer {
  const { stdin, tty } = record.spec;
  const recordFolder = join(host.recordDir, record.spec.id.slice(0, 16));
  const watched = watchOutput(output);
  const child = openIo({ paths: ioPaths(recordFolder), processes: () => record, stdin, tty, output: watched.output });
  watched.follows(child);
  const cgroup = host.cgroups.open(record.cgroup);
  return handleOf({ record, host, child, cgroup, recordFolder, watchers: watched.watchers });
}

type Processes = Pick<ContainerRecord, 'keeper' | 'stdinHolder'>;

async function keeperOf(recordFolder: string): Promise<KnownProcess> {
  const known = parseStat(await readFile(join(recordFolder, keeperFile), 'latin1'));
  if (!known) throw new Error('the process that keeps the container has not come up');
  return known;
}

/** Calls an action the first time only. */
function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

/** What a program writes without end must not keep this process from everything else: it is read a sixth of the time. */
const longOutput = 1;
const restFactor = 5;

type Output = ContainerSpec['output'];

/** Passes output on to who it is for and to all who watch, and rests when that takes long. */
function watchOutput(to: Output) {
  const watchers = new Set<Output>();
  let child: Pick<Child, 'pause' | 'resume'> | undefined;
  const output: Output = (stream, chunk) => {
    const began = performance.now();
    to(stream, chunk);
    for (const see of watchers) see(stream, chunk);
    const took = performance.now() - began;
    if (took <= longOutput) return;
    child?.pause();
    setTimeout(() => child?.resume(), took * restFactor);
  };
  return {
    watchers,
    output,
    follows(the: Pick<Child, 'pause' | 'resume'>) {
      child = the;
    },
  };
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

interface Started {
  pid: number;
  stdinHolder: number | undefined;
}

/** Waits for the 'ok' in the report and gives the ids of the processes. @throws StartError with what the report says. */
async function untilStarted(outer: ChildProcess, ended: Promise<number>, report: string): Promise<Started> {
  const lines = async () => (await readFile(report, 'utf8')).split('\n').filter(Boolean);
  const settled = new AbortController();
  const started = new Promise<Started>((resolve, reject) => {
    const watcher = watch(report, { persistent: false, signal: settled.signal });
    const look = () =>
      lines().then((said) => {
        const found = startedOf(said);
        if (found) resolve(found);
      }, reject);
    watcher.on('change', look);
    watcher.on('error', reject);
    void look();
  });
  const timer = setTimeout(() => signalProcess(outer.pid ?? 0, 'SIGKILL'), startTimeout);
  try {
    const first = await Promise.race([started, ended.then((code) => ({ code }))]);
    if ('pid' in first) return first;
    // A program may also have started and ended before anybody looked.
    const said = await lines();
    const found = startedOf(said);
    if (found) return found;
    const problem = said.filter((line) => line !== 'root' && !/^(?:pid|stdin) \d+$/.test(line)).join('; ');
    throw new StartError(
      said.includes('root') ? 'StartError' : 'CreateContainerError',
      problem || `setting up the container ended with code ${first.code}`,
    );
  } finally {
    clearTimeout(timer);
    settled.abort();
  }
}

function startedOf(said: readonly string[]): Started | undefined {
  const number = (name: string) => Number(said.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1));
  const pid = number('pid');
  if (!said.includes('ok') || !(pid > 0)) return undefined;
  return { pid, stdinHolder: number('stdin') || undefined };
}

interface Parts {
  record: ContainerRecord;
  host: Omit<ContainerHost, 'pidNamespace'>;
  child: Omit<Child, 'pid'>;
  cgroup: Cgroup;
  recordFolder: string;
  watchers: Set<Output>;
}

/** A container with the id of its program's process on the host. */
export interface LinuxContainer extends RunningContainer {
  readonly pid: number;
}

function handleOf({ record, host, child, cgroup, recordFolder, watchers }: Parts): LinuxContainer {
  const { pid, keeper, folder } = record;
  const env = new Map(Object.entries(record.spec.env));
  const spec = { ...record.spec, env };
  let running = true;
  const startedAt = new Date(record.startedAt);
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
      if (!running || !isAlive(keeper)) return;
      if (name !== 'SIGTERM' || record.pidNamespace !== undefined) return signalProcess(pid, name);
      terminateFirstProcess(pid);
      // A program that is still starting may swallow it: some runtimes catch SIGTERM only to raise it again for the
      // kernel to act on, which it does not for a first process. Such a program is asked once more.
      if (Date.now() - startedAt.getTime() < startingTime) {
        setTimeout(() => running && terminateFirstProcess(pid), startingTime).unref();
      }
    },
    resize: (limits) => cgroup.setLimits(limits),
    async exec(command, streams) {
      if (!running) throw new Error('the container has ended');
      return execIn({ spec, host, keeper, cgroup, folder }, command, streams);
    },
    async attach(streams) {
      if (!running) return (await exited).code;
      const see: Output = (stream, chunk) => passOn(chunk, streams[stream], child);
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
        await removeTree(recordFolder);
        await removeTree(folder);
      });
      return removed;
    },
  };
}
