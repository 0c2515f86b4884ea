import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecStreams } from '../../client/index.ts';
import type { ContainerSpec } from '../runtime.ts';
import type { Cgroup } from './cgroup.ts';
import { type Child, feed, passOn, startChild } from './child.ts';
import { entering } from './enter-image.ts';
import { writeEntrance } from './entrance.ts';
import { firstStep, launchWords, writeScripts } from './launch.ts';
import type { PipePool } from './pipes.ts';
import { descendantsOf, type KnownProcess, signalProcess } from './process.ts';
import { quote } from './shell.ts';

/** Where another program is run. */
export interface ExecPlace {
  spec: Omit<ContainerSpec, 'output'>;
  host: { memoryDir: string; pausePid: number; pipes: PipePool };
  /** Outside the container's PID namespace, and in its mount namespace. */
  keeper: KnownProcess;
  cgroup: Cgroup;
  folder: string;
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
export async function execIn(
  { spec, host, keeper, cgroup, folder }: ExecPlace,
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
    `--mount=/proc/${keeper.pid}/ns/mnt`,
    `--pid=/proc/${keeper.pid}/ns/pid_for_children`,
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
