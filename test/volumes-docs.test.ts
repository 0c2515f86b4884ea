// docs/volumes.md does what it says, command by command, where pods really run: the page is about what is in their files.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { eventually, run } from './support/run.ts';
import { root, tool } from './support/tools.ts';
import { matches, stepsOf } from './support/walkthrough.ts';

const { name: best } = await chooseRuntime('auto');

describe.runIf(best === 'linux')('docs/volumes.md', () => {
  let homeport: TestHomeport;
  let folder: string;

  beforeAll(async () => {
    homeport = await startHomeport(['--runtime', 'linux']);
    // A clone, as far as the page needs one.
    folder = mkdtempSync(join(tmpdir(), 'homeport-volumes-docs-'));
    for (const name of ['examples', 'node_modules', 'package.json', 'scripts', 'src'])
      symlinkSync(join(root, name), join(folder, name));
    symlinkSync(homeport.dataDir, join(folder, '.homeport'));
  });
  afterAll(async () => {
    await homeport.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('the walkthrough', { timeout: 240_000 }, async () => {
    const path = `${dirname(process.execPath)}:${dirname(tool('kubectl'))}:${process.env['PATH']}`;
    const env = { PATH: path, HOME: folder, KUBECONFIG: homeport.status.kubeconfig };
    for (const { command, expected, line } of stepsOf(readFileSync(join(root, 'docs/volumes.md'), 'utf8'))) {
      const once = async () => {
        const { code, stdout, stderr } = await run('bash', ['-c', command], { cwd: folder, env });
        if (code === 0 && matches(expected, stdout)) return true;
        const what = `docs/volumes.md:${line}: ${command}`;
        throw new Error(`${what}\nprinted (${code}):\n${stdout}${stderr}\ninstead of:\n${expected.join('\n')}`);
      };
      // What only looks may look again, until what was asked for has come about.
      if (/^kubectl (get|exec \S+ -- (cat|ls|stat)) /.test(command)) await eventually(command, once);
      else expect(await once()).toBe(true);
    }
  });
});
