import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';

/** A word for a POSIX shell, whatever characters are in it. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new Error('a NUL cannot be part of a command');
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The environment of every program of the host that the runtime calls: nothing of a pod's may get in there. */
export const cleanEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
} as const;

/** Starts a program of the host with nothing of our environment. */
export function spawnTool(words: readonly string[], options: SpawnOptions): ChildProcess {
  const [command = '', ...args] = words;
  return spawn(command, args, { ...options, env: cleanEnv, cwd: '/' });
}

/**
 * Runs a program of the host to its end and returns what it printed.
 * @throws Error with what it wrote to stderr when it fails.
 */
export function runTool(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: cleanEnv, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // A program that does not read its input closes it early; how it ends tells whether that was wrong.
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => reject(new Error(`running ${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) return resolve(stdout);
      reject(new Error(`${command} ${args.join(' ')}: ${stderr.trim() || `ended with ${signal ?? `code ${code}`}`}`));
    });
    child.stdin.end(input);
  });
}
