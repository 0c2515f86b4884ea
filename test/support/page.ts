// Pages of docs/ whose commands are run as they stand there, in a clone beside a Homeport of their own.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { startHomeport, type TestHomeport } from './homeport.ts';
import { eventually, run } from './run.ts';
import { root, tool } from './tools.ts';
import { matches, stepsOf } from './walkthrough.ts';

/**
 * Starts a Homeport for the tests of a page; returns what runs its commands.
 * @param looks the commands that only look: they may look again, until what was asked for has come about.
 */
export function usePage(page: string, runtime: string, looks: RegExp): () => Promise<void> {
  let homeport: TestHomeport;
  let folder: string;
  beforeAll(async () => {
    homeport = await startHomeport(['--runtime', runtime]);
    // A clone, as far as the page needs one.
    folder = mkdtempSync(join(tmpdir(), 'homeport-page-'));
    for (const name of ['examples', 'node_modules', 'package.json', 'scripts', 'src'])
      symlinkSync(join(root, name), join(folder, name));
    symlinkSync(homeport.dataDir, join(folder, '.homeport'));
  });
  afterAll(async () => {
    await homeport.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  return async () => {
    const path = `${dirname(process.execPath)}:${dirname(tool('kubectl'))}:${process.env['PATH']}`;
    const env = { PATH: path, HOME: folder, KUBECONFIG: homeport.status.kubeconfig };
    for (const { command, expected, line } of stepsOf(readFileSync(join(root, page), 'utf8'))) {
      const once = async () => {
        const { code, stdout, stderr } = await run('bash', ['-c', command], { cwd: folder, env });
        if (code === 0 && matches(expected, stdout)) return true;
        const what = `${page}:${line}: ${command}`;
        throw new Error(`${what}\nprinted (${code}):\n${stdout}${stderr}\ninstead of:\n${expected.join('\n')}`);
      };
      if (looks.test(command)) await eventually(command, once);
      else expect(await once()).toBe(true);
    }
  };
}
