import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { runTool } from './shell.ts';

/** A pipe of the kernel: what a program gets as stdout, and our end of it. */
export interface OutputPipe {
  /** Blocking, for the child. Close it here once the child has it. */
  writeFd: number;
  /** Ends when every writer has closed its end. */
  reader: Socket;
}

export interface PipePool {
  /** One that nobody can find by name. */
  take(): Promise<OutputPipe>;
  /** Puts a named pipe where nothing is. */
  place(path: string): Promise<void>;
}

const batch = 32;

/**
 * Makes real pipes. Node gives children Unix sockets for stdio, and a program cannot open those again by name: `echo >
 * /dev/stderr`, or a server that logs to /dev/stdout, would fail with ENXIO. Named pipes that are opened and unlinked at
 * once are the way to a pipe without native code; they are made by the batch.
 */
export function createPipePool(dir: string): PipePool {
  const ready: string[] = [];
  let serial = 0;
  let filling: Promise<void> | undefined;

  async function fill(): Promise<void> {
    const names = Array.from({ length: batch }, () => join(dir, `pipe-${process.pid}-${serial++}`));
    await runTool('mkfifo', ['-m', '600', ...names]);
    ready.push(...names);
  }

  async function next(): Promise<string> {
    while (ready.length === 0) {
      filling ??= fill().finally(() => {
        filling = undefined;
      });
      await filling;
    }
    return ready.pop() ?? '';
  }

  return {
    place: async (path) => rename(await next(), path),
    async take() {
      const path = await next();
      // The reader first, without blocking: then opening the writer does not wait for one.
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const writeFd = openSync(path, constants.O_WRONLY);
        return { writeFd, reader: new Socket({ fd: readFd, readable: true, writable: false }) };
      } catch (error) {
        closeSync(readFd);
        throw error;
      } finally {
        unlinkSync(path);
      }
    },
  };
}
