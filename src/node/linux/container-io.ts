import { closeSync, constants, fchownSync, openSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { type Child, drain, outputGrace } from './child.ts';
import type { PipePool } from './pipes.ts';
import { isAlive, type KnownProcess, signalKnown, signalProcess } from './process.ts';
import { runTool } from './shell.ts';

/**
 * The named pipes of a container, and the file for its exit code. Its keeper holds both ends of each, so that a program neither ends nor loses a word when
 * this process is killed: it waits, at the latest when a pipe is full, for the next one to read on.
 */
const names = { stdout: 'stdout', stderr: 'stderr', stdin: 'stdin', life: 'life', exit: 'exit' };

export type IoPaths = typeof names;

export function ioPaths(folder: string): IoPaths {
  const at = (name: string) => join(folder, name);
  return {
    ...{ stdout: at(names.stdout), stderr: at(names.stderr), stdin: at(names.stdin) },
    ...{ life: at(names.life), exit: at(names.exit) },
  };
}

export async function makeIo(paths: IoPaths, stdin: boolean, pool: PipePool): Promise<void> {
  for (const path of [paths.stdout, paths.stderr, paths.life, ...(stdin ? [paths.stdin] : [])]) await pool.place(path);
}

/** The program's ends of the pipes, for the start of the container. Close them once it has them. */
export interface ProgramEnds {
  stdin: number | 'ignore';
  stdout: number;
  stderr: number;
  /** Held until the keeper holds its own: without anybody there, life would seem to be over. */
  life: number;
}

/** Opens what the program gets. Only after openIo: opening to write waits for a reader. @param uid who may open its output again by name */
export function openProgramEnds(paths: IoPaths, stdin: boolean, uid: number): ProgramEnds {
  const stdout = openSync(paths.stdout, constants.O_WRONLY);
  const stderr = openSync(paths.stderr, constants.O_WRONLY);
  for (const fd of [stdout, stderr]) fchownSync(fd, uid, -1);
  const life = openSync(paths.life, constants.O_WRONLY);
  if (!stdin) return { stdin: 'ignore', stdout, stderr, life };
  // Opening to read waits for a writer: here is one.
  const both = openSync(paths.stdin, constants.O_RDWR);
  const own = openSync(paths.stdin, constants.O_RDONLY);
  closeSync(both);
  return { stdin: own, stdout, stderr, life };
}

export interface IoOptions {
  paths: IoPaths;
  /** Who is there once it has started. */
  processes: () => { keeper: KnownProcess; stdinHolder: number | undefined } | undefined;
  stdin: boolean;
  tty: boolean;
  output: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
}

/** Reads and feeds a container, one that starts as well as one that an earlier process of this instance has started. */
export function openIo({ paths, processes, stdin, tty, output }: IoOptions): Omit<Child, 'pid'> {
  const reader = (path: string) =>
    new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
  const readers = { stdout: reader(paths.stdout), stderr: reader(paths.stderr) };
  const both = [readers.stdout, readers.stderr];
  const drained = Promise.all([
    drain(readers.stdout, (chunk) => output('stdout', chunk)),
    drain(readers.stderr, (chunk) => output('stderr', chunk)),
  ]);
  let opened: Socket | undefined;
  const input = () => {
    opened ??= stdin ? openInput(paths.stdin) : undefined;
    return opened;
  };
  const ended = readEnd(paths, reader(paths.life), processes()?.keeper).then(async (code) => {
    // Written down first: when the keeper is gone, nobody else knows.
    writeFileSync(paths.exit, String(code));
    const there = processes();
    // It stays only so that nothing is lost while nobody reads.
    if (there) signalKnown(there.keeper, 'SIGKILL');
    const timer = setTimeout(() => both.forEach((each) => void each.destroy()), outputGrace);
    await drained;
    clearTimeout(timer);
    opened?.destroy();
    return code;
  });
  return {
    ended,
    write: (chunk) => input()?.write(chunk) ?? true,
    onDrain: (listener) => void input()?.once('drain', listener),
    closeStdin() {
      // On a terminal, the end of input is a character.
      if (tty) return void input()?.write('\x04');
      const close = () => {
        opened?.destroy();
        const holder = processes()?.stdinHolder;
        // A child of the keeper: its id is its own until that one ends.
        if (holder !== undefined) signalProcess(holder, 'SIGKILL');
      };
      if (opened) opened.end(close);
      else close();
    },
    resize(columns, rows) {
      const there = processes();
      if (!tty || !there || columns <= 0 || rows <= 0 || columns >= 65536 || rows >= 65536) return;
      // The keeper has the terminal open; there is no way to one's size but a program's.
      const size = ['cols', String(columns), 'rows', String(rows)];
      void runTool('stty', ['-F', `/proc/${there.keeper.pid}/fd/8`, ...size]).catch(() => undefined);
    },
    pause: () => both.forEach((each) => void each.pause()),
    resume: () => both.forEach((each) => void each.resume()),
  };
}

/** Only once the program has its own end; undefined when it has gone. */
function openInput(path: string): Socket | undefined {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    // A program that closes its stdin is free to: what is written to it then is lost, as with any pipe.
    return new Socket({ fd, readable: false, writable: true }).on('error', () => undefined);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENXIO') return undefined;
    throw error;
  }
}

/**
 * The exit code that the keeper tells of, or that of SIGKILL when it went without a word.
 * @param keeper of a container that is taken over: it may have gone long ago
 */
async function readEnd(paths: IoPaths, life: Socket, keeper: KnownProcess | undefined): Promise<number> {
  if (keeper && !isAlive(keeper)) {
    life.destroy();
    const code = await readFile(paths.exit, 'utf8').catch(() => '');
    return code === '' ? killed : Number(code);
  }
  return new Promise((resolve) => {
    let said = '';
    life.on('data', (chunk) => {
      said += chunk;
      const code = /^exit (\d+)\n/.exec(said)?.[1];
      if (code === undefined) return;
      resolve(Number(code));
      life.destroy();
    });
    life.on('error', () => resolve(killed));
    life.on('close', () => resolve(killed));
  });
}

const killed = 137;
