#!/usr/bin/env node
// The one way in: installs what is missing, then runs Homeport (or its tests, benchmarks, checks) on the Node that the
// dev dependency `node` brings. Written for Node 20 and npm alone, so it imports nothing but Node itself. In a package, as
// others install it, there is only the program, without types, and the Node that is there.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** A clone has the sources. */
const isClone = existsSync(join(root, 'src', 'cli', 'main.ts'));
const program = isClone ? join(root, 'src', 'cli', 'main.ts') : join(root, 'js', 'cli', 'main.js');
const cache = isClone
  ? join(root, 'node_modules', '.cache', 'homeport')
  : join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'homeport');
const bin = (name) => join(root, 'node_modules', '.bin', name);

/**
 * How Node keeps memory, by measurement (npm run bench). A small nursery for new objects, in MiB: with Node's own the memory
 * of an idle platform is a fifth larger, and it is not measurably faster under load. A heap that grows to twice what lives in
 * it, and not four times. And leave to collect when a load is over (src/cli/give-back-memory.ts).
 */
const memory = ['--max-semi-space-size=4', '--heap-growing-percent=100', '--expose-gc'];

/** What can be run besides the program itself: one or more commands, in order, until one fails. */
const tasks = {
  '--test': (args) => [[bin('vitest'), 'run', ...args]],
  '--bench': (args) => [[join(root, 'bench', 'index.ts'), ...args]],
  '--fuzz': (args) => [[join(root, 'test', 'fuzz', 'run.ts'), ...args]],
  '--picture': () => [[join(root, 'scripts', 'picture.ts')]],
  '--check': () => [
    [bin('biome'), 'check', '--error-on-warnings', '.'],
    [bin('tsc'), '-p', root],
    [bin('depcruise'), '--config', join(root, '.dependency-cruiser.cjs'), 'src', 'test', 'bench'],
    [bin('knip')],
  ],
};

/** Installs from the lock file when there is no installation, or an older one. npm leaves its copy of the lock behind. */
function install() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(lock)) return;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  console.error('Installing what Homeport needs (npm ci) …');
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    console.error(
      'npm ci failed: see above. Homeport needs Node 20 or newer and npm, and reach to a package registry.',
    );
    process.exit(npm.status ?? 1);
  }
}

/** The Node of the dev dependency, or this one where that is missing and this one is new enough. */
function node() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const way = isClone ? `and ${own} is missing. Try: npm ci` : 'and has to be updated';
  console.error(`Homeport needs Node 24 or newer; this is ${process.version} ${way}`);
  process.exit(1);
}

/** Signals by which a process dies of a fault of its own, in native code. */
const crashes = ['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE'];

/** Runs a command on the given Node, passes signals on, and resolves to its exit code. */
function run(executable, args) {
  return new Promise((resolve) => {
    const env = {
      ...process.env,
      PATH: [dirname(executable), process.env.PATH].join(delimiter),
      // Node strips types once per file and keeps the result: later starts are faster, and smaller without the stripper.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(cache, 'compiled'),
    };
    const child = spawn(executable, args, { stdio: 'inherit', env });
    // A terminal sends Ctrl-C to the child as well: stay until it is done. A TERM comes to this process alone: pass it on.
    const stay = () => {};
    const pass = () => child.kill('SIGTERM');
    process.on('SIGINT', stay);
    process.on('SIGTERM', pass);
    // npm passes a TERM to its shell, which dies without passing it on: being orphaned means that it was meant for us.
    const parent = process.ppid;
    const orphaned = setInterval(() => process.ppid !== parent && pass(), 500);
    child.on('error', (error) => {
      console.error(`cannot run ${executable}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      clearInterval(orphaned);
      process.off('SIGINT', stay);
      process.off('SIGTERM', pass);
      if (crashes.includes(signal)) {
        console.error(
          `error: Homeport was ended by ${signal}. A damaged database does that: move db/ out of the data directory (.homeport) to start without it, which forgets all objects.`,
        );
        resolve(1);
      }
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Runs commands in order until one fails, and says how long each of several took. */
async function runAll(commands) {
  const times = [];
  for (const [script, ...args] of commands) {
    const start = Date.now();
    const code = await run(node(), [script, ...args]);
    times.push(
      `${((Date.now() - start) / 1000).toFixed(1).padStart(7)} s  ${basename(script)}${code === 0 ? '' : ' FAILED'}`,
    );
    if (code !== 0 || commands.length === 1) {
      if (times.length > 1) console.error(times.join('\n'));
      return code;
    }
  }
  console.error(times.join('\n'));
  return 0;
}

const [first = '--help', ...rest] = process.argv.slice(2);
install();
process.exit(await runAll(tasks[first]?.(rest) ?? [[...memory, program, first, ...rest]]));
