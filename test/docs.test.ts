// The walkthroughs in docs/ do what they say, command by command, in a fresh copy of the project.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, eventually, run } from './support/run.ts';
import { root, tool } from './support/tools.ts';
import { matches, stepsOf } from './support/walkthrough.ts';

let copy: string;

/** The project as git has it (and what is not yet committed), with the installation that is already here. */
beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'homeport-docs-'));
  const list = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'], {
    cwd: root,
    encoding: 'utf8',
  });
  const deleted = new Set(execFileSync('git', ['ls-files', '--deleted'], { cwd: root, encoding: 'utf8' }).split('\n'));
  for (const file of list.split('\n').filter((name) => name !== '' && !deleted.has(name))) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    // With its time: an older lock file than what is installed is what lets npm start go on without installing.
    cpSync(join(root, file), join(copy, file), { preserveTimestamps: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('the first five minutes', { timeout: 180_000 }, async () => {
  const [first, ...steps] = stepsOf(readFileSync(join(root, 'docs/first-five-minutes.md'), 'utf8'));
  expect(first?.command).toBe('npm start');
  const platform = spawn('npm', ['start'], { cwd: copy, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  let banner = '';
  platform.stdout.setEncoding('utf8').on('data', (text: string) => {
    banner += text;
  });
  try {
    await eventually('npm start', async () => banner.includes('Ctrl-C'));
    const port = /NAME\.localhost:(\d+)/.exec(banner)?.[1] ?? '';
    // The page names the usual port; while something else has it, Homeport takes a free one.
    const here = (text: string): string => text.replaceAll(':8080', `:${port}`);
    const shown = banner.slice(banner.indexOf('Homeport'));
    expect(matches(first?.expected.map(here) ?? [], shown), shown).toBe(true);

    const env = {
      PATH: `${dirname(tool('kubectl'))}:${process.env['PATH']}`,
      HOME: copy,
      KUBECONFIG: join(copy, '.homeport/kubeconfig'),
    };
    for (const { command, expected, line } of steps) {
      const what = `docs/first-five-minutes.md:${line}: ${command}`;
      const once = async () => {
        const { code, stdout, stderr } = await run('bash', ['-c', here(command)], { cwd: copy, env });
        if (code === 0 && matches(expected, stdout)) return true;
        throw new Error(`${what}\nprinted (${code}):\n${stdout}${stderr}\ninstead of:\n${expected.join('\n')}`);
      };
      // What only looks may look again, until what was asked for has come about.
      if (/ (get|why|tree|logs) |^curl /.test(command)) await eventually(what, once);
      else await once();
    }
  } finally {
    // Ctrl-C reaches everything that the terminal started.
    if (platform.pid) process.kill(-platform.pid, 'SIGINT');
    await ended(platform);
  }
});
