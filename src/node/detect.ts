import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What runs the containers of this node's pods. */
export type RuntimeName = 'linux' | 'docker' | 'simulated';

/** What `--runtime` takes. */
export type RuntimeChoice = RuntimeName | 'auto';

export interface ChosenRuntime {
  name: RuntimeName;
  /** One clause saying why: 'running as root with util-linux and iproute2'. */
  reason: string;
}

/** Programs of util-linux, iproute2 and coreutils that the linux runtime is made of. */
const tools = [
  'unshare',
  'nsenter',
  'setpriv',
  'mount',
  'umount',
  'pivot_root',
  'setsid',
  'script',
  'ip',
  'sh',
  'cat',
  'cp',
  'mkdir',
  'mkfifo',
  'pwd',
  'stty',
  'sleep',
  'env',
];

/**
 * Picks the runtime. 'auto' takes linux where it can work, an engine that speaks the Docker Engine API where there is one,
 * and simulated elsewhere.
 * @throws Error when the runtime asked for cannot work here, saying what is missing.
 */
export async function chooseRuntime(choice: RuntimeChoice = 'auto'): Promise<ChosenRuntime> {
  if (choice === 'simulated') return { name: 'simulated', reason: 'asked for by --runtime simulated' };
  if (choice === 'docker') {
    const engine = await findEngine();
    if ('obstacle' in engine) throw new Error(`the docker runtime cannot work here: ${engine.obstacle}`);
    return engine;
  }
  const obstacle = linuxObstacle();
  if (!obstacle) return { name: 'linux', reason: 'running as root with util-linux and iproute2' };
  if (choice === 'linux') throw new Error(`the linux runtime cannot work here: ${obstacle}`);
  const engine = await findEngine();
  if ('name' in engine) return engine;
  const reason = `no processes are run, because the linux runtime cannot work here: ${obstacle}; nor docker: ${engine.obstacle}`;
  return { name: 'simulated', reason };
}

/** The engine that the docker runtime would use. */
async function findEngine(): Promise<ChosenRuntime | { obstacle: string }> {
  const { openEngine } = await import('./docker/engine.ts');
  try {
    const engine = openEngine();
    const { Version } = await engine.call<{ Version: string }>('GET', '/version');
    return { name: 'docker', reason: `the engine ${Version} at ${engine.address}` };
  } catch (error) {
    return { obstacle: error instanceof Error ? error.message : String(error) };
  }
}

function linuxObstacle(): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, not Linux`;
  if (process.getuid?.() !== 0) return 'Homeport does not run as root (namespaces and bridges need it)';
  // One after the other at once: each is a matter of microseconds, and a start waits for them.
  const missing = tools.filter((tool) => !findTool(tool));
  if (missing.length > 0) return `not found on PATH: ${missing.join(', ')} (install util-linux and iproute2)`;
  try {
    accessSync('/sys/class/net', constants.R_OK);
  } catch (error) {
    return `/sys/class/net cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}

/** The absolute path of a program, looked for on PATH and in the system folders, or undefined. */
export function findTool(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  for (const folder of folders) {
    if (!folder.startsWith('/')) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder: the next one may have it.
    }
  }
  return undefined;
}
