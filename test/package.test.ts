// Homeport as others use it: the packed package, installed under node_modules of a project of its own.
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ended, eventually, run } from './support/run.ts';
import { root } from './support/tools.ts';

let project: string;
const modules = join(root, 'node_modules');
const bin = (name: string): string => join(modules, '.bin', name);

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'homeport-package-'));
  const packed = await run('npm', ['pack', '--pack-destination', project], { cwd: root });
  expect(packed.code, packed.stderr).toBe(0);
  const archive = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? '';
  const home = join(project, 'node_modules', 'homeport');
  mkdirSync(home, { recursive: true });
  const unpacked = await run('tar', ['-xzf', join(project, archive), '-C', home, '--strip-components=1']);
  expect(unpacked.code, unpacked.stderr).toBe(0);
  // What it depends on would be installed beside it.
  for (const name of readdirSync(modules)) {
    if (!name.startsWith('.')) symlinkSync(join(modules, name), join(project, 'node_modules', name));
  }
  for (const name of readdirSync(join(root, 'examples', 'controller'))) {
    cpSync(join(root, 'examples', 'controller', name), join(project, name));
  }
  writeFileSync(join(project, 'package.json'), '{"type": "module"}');
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

test("the example controller's test passes on Node's own runner", async () => {
  const { code, stdout, stderr } = await run(process.execPath, ['--test', 'greeter.test.ts'], { cwd: project });
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/pass 3\n/);
});

test('the types are there for a strict project', async () => {
  const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2024', types: ['node'] };
  const options = { ...compilerOptions, allowImportingTsExtensions: true, erasableSyntaxOnly: true };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));
  const { code, stdout } = await run(bin('tsc'), ['-p', project], { cwd: project });
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

test('the command runs, and a platform with it', async () => {
  const dataDir = join(project, 'data');
  const command = join(project, 'node_modules', 'homeport', 'scripts', 'run.mjs');
  const env = { ...process.env, XDG_CACHE_HOME: join(project, 'cache') };
  const up = ['up', '--data', dataDir, '--secure-port', '0', '--apps-port', '0', '--runtime', 'simulated'];
  const platform = spawn(process.execPath, [command, ...up], { cwd: project, env, stdio: 'ignore' });
  try {
    const status = await eventually('the platform of the package', async () => {
      expect(platform.exitCode).toBeNull();
      const asked = await run(process.execPath, [command, 'status', '-o', 'json', '--data', dataDir], { env });
      return asked.code === 0 && JSON.parse(asked.stdout);
    });
    expect(status).toMatchObject({ ready: true, capabilities: ['compose'] });
  } finally {
    platform.kill('SIGTERM');
    await ended(platform);
  }
  expect(platform.exitCode).toBe(0);
});
