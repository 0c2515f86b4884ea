// What is secret stays so: on disk, in the logs, in errors; and its keys are changed, on a platform that runs and on one that does not.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { homeport, startHomeport, type TestHomeport } from './support/homeport.ts';

const CANARY = 'canary-fb7c1a';
let platform: TestHomeport;
let dataDir: string;
beforeAll(async () => {
  platform = await startHomeport(['--runtime', 'simulated', '--audit-log-path', '-', '--log-level', 'trace']);
  dataDir = platform.dataDir;
});
afterAll(() => platform.stop());

/** Every file below a folder, as text. */
function* texts(folder: string): Generator<[string, string]> {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name);
    if (statSync(path).isFile()) yield [name, readFileSync(path, 'latin1')];
  }
}

function expectNoCanary(...more: string[]): void {
  const base64 = Buffer.from(CANARY).toString('base64').slice(0, -4);
  for (const [name, text] of [...texts(dataDir), ...more.map((each) => ['printed', each] as const)]) {
    for (const form of [CANARY, base64]) expect(text.includes(form), `${form} in ${name}`).toBe(false);
  }
}

test('what is in a Secret is found nowhere else, and its key can be changed', async () => {
  const { kubectl, tryKubectl } = platform;
  await kubectl(['create', 'secret', 'generic', 's', `--from-literal=password=${CANARY}`]);
  const metadata = { name: 'BAD' };
  const wrong = { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { key: CANARY } };
  const refused = await tryKubectl('create -f -', { input: JSON.stringify(wrong) });
  expect(refused.code).toBe(1);
  const token = (await kubectl('create token default')).trim();
  expect(token.split('.')).toHaveLength(3);

  const rotated = await platform.homeport(['secrets', 'rotate']);
  expect(rotated).toMatchObject({ code: 0, stdout: expect.stringMatching(/new key [0-9a-f]{8}: [1-9]\d* records/) });
  expect(await kubectl(['get', 'secret', 's', '-o', 'jsonpath={.data.password}'])).toBe(
    Buffer.from(CANARY).toString('base64'),
  );
  expectNoCanary(platform.banner, refused.stderr, rotated.stdout);
  expect(platform.banner).toContain('"resource":"secrets"');
  expect(platform.banner).not.toContain(token);

  platform.process.kill('SIGKILL');
  await expect.poll(() => platform.process.signalCode).toBe('SIGKILL');
  const stopped = await homeport(['secrets', 'rotate', '--data', dataDir, '-o', 'json']);
  expect(stopped.stderr).toBe('');
  const { key } = JSON.parse(stopped.stdout) as { key: string };
  const status = await homeport(['secrets', 'status', '--data', dataDir, '-o', 'json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ keys: [{ id: key, newest: true }], unnamed: 0 });
  expectNoCanary();
});
