import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ended, eventually, type Following, follow, type Outcome, type RunOptions, run } from './run.ts';
import { runInTerminal } from './terminal.ts';
import { root, tool } from './tools.ts';

const main = join(root, 'src', 'cli', 'main.ts');

/** As scripts/run.mjs starts it. */
const memory = ['--max-semi-space-size=4', '--heap-growing-percent=100', '--expose-gc'];

/** A real Homeport in its own process, as a user starts it, with real clients beside it. */
export interface TestHomeport {
  dataDir: string;
  process: ChildProcess;
  status: { pid: number; api: string; kubeconfig: string; apps: string; registry: string; capabilities: string[] };
  /** What it printed on start. */
  banner: string;
  /** Runs kubectl and returns what it printed on stdout; rejects with its stderr when it fails. */
  kubectl(args: string | readonly string[], options?: RunOptions): Promise<string>;
  /** Runs kubectl whatever comes of it. */
  tryKubectl(args: string | readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Starts kubectl and lets it run: for -w, -f and port-forward. */
  follow(args: string | readonly string[], env?: Record<string, string>): Following;
  /** Runs kubectl in a terminal of 100 columns and 30 rows, types the input, and resolves to what the screen got. */
  inTerminal(args: readonly string[], input: string): Promise<string>;
  /** Runs `homeport ARGS --data DIR`. */
  homeport(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** Sends a request to an application by host name, as a browser would. */
  app(host: string, path?: string, init?: RequestInit): Promise<{ status: number; text: string }>;
  stop(): Promise<void>;
}

/** Runs the `homeport` command line. */
export function homeport(args: readonly string[], options?: RunOptions): Promise<Outcome> {
  return run(process.execPath, [main, ...args], options);
}

/** Starts Homeport on free ports. Without a data directory it gets a temporary one, removed by `stop`. */
export async function startHomeport(flags: readonly string[] = [], givenDir?: string): Promise<TestHomeport> {
  const dataDir = givenDir ?? mkdtempSync(join(tmpdir(), 'homeport-test-'));
  const args = [
    ...memory,
    main,
    'up',
    '--data',
    dataDir,
    '--secure-port',
    '0',
    '--apps-port',
    '0',
    '--registry-port',
    '0',
    ...flags,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const status = await eventually('homeport up', async () => {
    if (child.exitCode !== null) throw new Error(`homeport up ended with ${child.exitCode}: ${printed}`);
    return readReadyStatus(dataDir, child.pid);
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });

  const split = (given: string | readonly string[]) => (typeof given === 'string' ? given.split(' ') : given);
  const clientEnv = { KUBECONFIG: status.kubeconfig, HOME: dataDir };
  const tryKubectl: TestHomeport['tryKubectl'] = (given, options = {}) =>
    run(tool('kubectl'), split(given), { ...options, env: { ...clientEnv, ...options.env } });
  return {
    dataDir,
    process: child,
    status,
    get banner() {
      return printed;
    },
    tryKubectl,
    follow: (given, env) => follow(tool('kubectl'), split(given), { ...clientEnv, ...env }),
    inTerminal: (args, input) => runInTerminal(tool('kubectl'), args, input, clientEnv),
    async kubectl(given, options) {
      const outcome = await tryKubectl(given, options);
      if (outcome.code === 0) return outcome.stdout;
      throw new Error(
        `kubectl ${split(given).join(' ')} exited with ${outcome.code}: ${outcome.stderr}${outcome.stdout}`,
      );
    },
    homeport: (words, options) => homeport([...words, '--data', dataDir], options),
    app: (host, path = '/', init) => request(status.apps, host, path, init),
    async stop() {
      child.kill('SIGTERM');
      await ended(child);
      if (!givenDir) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function readReadyStatus(dataDir: string, pid: number | undefined): TestHomeport['status'] | undefined {
  try {
    const status = JSON.parse(readFileSync(join(dataDir, 'status.json'), 'utf8')) as TestHomeport['status'] & {
      ready: boolean;
    };
    return status.ready && status.pid === pid ? status : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function request(
  apps: string,
  host: string,
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string }> {
  const { request: send } = await import('node:http');
  const { port } = new URL(apps);
  return new Promise((resolve, reject) => {
    const outgoing = send(
      { host: '127.0.0.1', port, path, method: init.method ?? 'GET', headers: { host: `${host}:${port}` } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(typeof init.body === 'string' ? init.body : undefined);
  });
}
