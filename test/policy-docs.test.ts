// docs/policy.md does what it says, through kubectl, against a server of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../src/apiserver/index.ts';
import { ended, eventually, run } from './support/run.ts';
import { root, tool } from './support/tools.ts';
import { matches, stepsOf } from './support/walkthrough.ts';

let server: ApiServer;
let folder: string;
const background: ChildProcess[] = [];

beforeAll(async () => {
  server = await startApiServer();
  folder = mkdtempSync(join(tmpdir(), 'homeport-policy-'));
  writeFileSync(join(folder, 'kubeconfig'), server.adminKubeconfig(), { mode: 0o600 });
  for (const name of ['examples', 'node_modules']) symlinkSync(join(root, name), join(folder, name));
});
afterAll(async () => {
  for (const child of background) {
    child.kill();
    await ended(child);
  }
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the walkthrough of docs/policy.md', { timeout: 60_000 }, async () => {
  const path = `${dirname(process.execPath)}:${dirname(tool('kubectl'))}:${process.env['PATH']}`;
  const env = { PATH: path, HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') };
  for (const { command, expected, line } of stepsOf(readFileSync(join(root, 'docs/policy.md'), 'utf8'))) {
    if (command.endsWith(' &')) {
      background.push(spawn('bash', ['-c', `exec ${command.slice(0, -2)}`], { cwd: folder, env }));
      const file = join(folder, command.split(' > ')[1]?.replace(' &', '') ?? '');
      await eventually(command, async () => existsSync(file) && readFileSync(file, 'utf8').endsWith('}\n'));
      continue;
    }
    const { stdout, stderr } = await run('bash', ['-c', command], { cwd: folder, env });
    const text = `docs/policy.md:${line}: ${command}\nprinted:\n${stdout}${stderr}\ninstead of:\n${expected.join('\n')}`;
    expect(matches(expected, stdout), text).toBe(true);
  }
});
