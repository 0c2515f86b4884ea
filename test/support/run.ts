import { type ChildProcess, spawn } from 'node:child_process';

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** Written to the command's standard input, which is then closed. */
  input?: string;
  /** Milliseconds until the command is killed and the call fails. Default 60,000. */
  timeout?: number;
}

/** Runs a command to its end. Resolves whatever its exit code is; rejects only when it cannot run or never ends. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
    const timeout = options.timeout ?? 60_000;
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${command} ${args.join(' ')} took longer than ${timeout} ms\n${stdout}\n${stderr}`));
    }, timeout);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr });
    });
    child.stdin.on('error', (error) => {
      // A command may end without reading its input.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
    });
    child.stdin.end(options.input ?? '');
  });
}

/** A command that is still running. */
export interface Following {
  /** Resolves with everything printed so far once that contains the text. */
  until(text: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts a command that goes on until it is stopped. */
export function follow(command: string, args: readonly string[], env: Record<string, string> = {}): Following {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  return {
    until: (text) =>
      eventually(`"${text}" from ${args.join(' ')}`, async () => {
        if (printed.includes(text)) return printed;
        throw new Error(`it printed: ${printed}`);
      }),
    async stop() {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}

/** Resolves with the first truthy result of `probe`, asked again until then; rejects with the last answer in the end. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  timeout = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeout;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const result = await probe();
      if (result) return result;
      last = result;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `${what}: not within ${timeout} ms; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
}

/** Resolves when a process has ended. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
  });
}
