import { closeSync, fchownSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { PipePool } from './pipes.ts';
import { cleanEnv, spawnTool } from './shell.ts';

/** A process with its streams, on a terminal or not: what containers and execs have in common. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended and its output has been read, to its exit code; 128 + N after signal N. */
  readonly ended: Promise<number>;
  write(chunk: Uint8Array): boolean;
  /** Calls back when what was written has gone through. */
  onDrain(listener: () => void): void;
  closeStdin(): void;
  resize(columns: number, rows: number): void;
  pause(): void;
  resume(): void;
}

export interface ChildOptions {
  words: readonly string[];
  stdin: boolean;
  tty: boolean;
  /** The user who may open its own stdout and stderr again by name. */
  uid: number;
  output: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
}

/** How long output may still be coming after the end of the process that was started: others may hold its pipes. */
export const outputGrace = 500;

/** Starts a program of the host in a session of its own, so that a Ctrl-C on Homeport's terminal does not reach it. */
export async function startChild(options: ChildOptions, pipes: PipePool): Promise<Child> {
  return options.tty ? startOnTerminal(options) : startOnPipes(options, pipes);
}

async function startOnPipes({ words, stdin, uid, output }: ChildOptions, pool: PipePool): Promise<Child> {
  const pipes = { stdout: await pool.take(), stderr: await pool.take() };
  const writeFds = [pipes.stdout.writeFd, pipes.stderr.writeFd];
  for (const fd of writeFds) fchownSync(fd, uid, -1);
  const child = spawnTool(words, {
    detached: true,
    stdio: [stdin ? 'pipe' : 'ignore', pipes.stdout.writeFd, pipes.stderr.writeFd],
  });
  for (const fd of writeFds) closeSync(fd);
  const readers = [
    drain(pipes.stdout.reader, (chunk) => output('stdout', chunk)),
    drain(pipes.stderr.reader, (chunk) => output('stderr', chunk)),
  ];
  const both = [pipes.stdout.reader, pipes.stderr.reader];
  const ended = new Promise<number>((resolve) => {
    // The program could not even be started: the code that a shell gives for that.
    child.on('error', () => resolve(127));
    child.on('exit', (code, signal) => {
      const timer = setTimeout(() => {
        for (const reader of both) reader.destroy();
      }, outputGrace);
      void Promise.all(readers).then(() => {
        clearTimeout(timer);
        resolve(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 0));
      });
    });
  });
  // A program that closes its stdin is free to: what is written to it then is lost, as with any pipe.
  child.stdin?.on('error', () => undefined);
  return {
    pid: child.pid ?? -1,
    ended,
    write: (chunk) => child.stdin?.write(chunk) ?? true,
    onDrain: (listener) => void child.stdin?.once('drain', listener),
    closeStdin: () => void child.stdin?.end(),
    resize: () => undefined,
    pause: () => both.forEach((reader) => void reader.pause()),
    resume: () => both.forEach((reader) => void reader.resume()),
  };
}

export function drain(reader: Readable, see: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve) => {
    reader.on('data', see);
    reader.on('error', () => resolve());
    reader.on('close', () => resolve());
  });
}

async function startOnTerminal({ words, output }: ChildOptions): Promise<Child> {
  const { spawn: spawnPty } = await import('@lydell/node-pty');
  const [command = '', ...args] = words;
  const pty = spawnPty(command, args, { name: 'xterm', cols: 80, rows: 24, cwd: '/', env: cleanEnv, encoding: null });
  // With encoding null the data are bytes, whatever the type says.
  pty.onData((data: string | Buffer) => output('stdout', Buffer.isBuffer(data) ? data : Buffer.from(data)));
  const keystrokes = new TextDecoder();
  const ended = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode, signal }) => resolve(signal ? 128 + signal : exitCode));
  });
  return {
    pid: pty.pid,
    ended,
    write: (chunk) => {
      pty.write(keystrokes.decode(chunk, { stream: true }));
      return true;
    },
    onDrain: () => undefined,
    // On a terminal, the end of input is a character.
    closeStdin: () => pty.write('\x04'),
    resize: (columns, rows) => {
      if (columns > 0 && rows > 0 && columns < 65536 && rows < 65536) pty.resize(columns, rows);
    },
    pause: () => pty.pause(),
    resume: () => pty.resume(),
  };
}

/** Passes output on to a client as fast as it takes it: the program waits meanwhile, and not longer than the client is there. */
export function passOn(
  chunk: Buffer,
  sink: Writable | undefined,
  child: Pick<Child, 'pause' | 'resume'> | undefined,
): void {
  if (!sink || sink.destroyed || sink.write(chunk) || !child) return;
  const resume = () => {
    sink.off('drain', resume);
    sink.off('close', resume);
    child.resume();
  };
  child.pause();
  sink.on('drain', resume);
  sink.on('close', resume);
}

/** Feeds a child from the streams of a client until the signal fires. Input ends when the client's does. */
export function feed(
  child: Omit<Child, 'pid'>,
  stdin: Readable | undefined,
  resize: AsyncIterable<{ width: number; height: number }> | undefined,
  signal: AbortSignal,
  endsInput: boolean,
): void {
  if (stdin) {
    stdin.on('data', (chunk: Uint8Array) => {
      if (signal.aborted || child.write(chunk)) return;
      stdin.pause();
      child.onDrain(() => stdin.resume());
    });
    stdin.on('end', () => {
      if (endsInput) child.closeStdin();
    });
    stdin.on('error', () => undefined); // The client is gone; its signal says so.
  }
  if (resize) void follow(child, resize, signal);
}

async function follow(
  child: Omit<Child, 'pid'>,
  resize: AsyncIterable<{ width: number; height: number }>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const size of resize) {
      if (signal.aborted) return;
      child.resize(size.width, size.height);
    }
  } catch {
    // The sizes end with the client's connection, however that ends; the program goes on with the last one.
  }
}
