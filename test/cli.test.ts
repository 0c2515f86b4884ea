// The command line without a running Homeport: help, completion, and errors that say what to do.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { homeport } from './support/homeport.ts';
import { run } from './support/run.ts';
import { root } from './support/tools.ts';

let nowhere: string;
beforeAll(() => {
  nowhere = mkdtempSync(join(tmpdir(), 'homeport-cli-'));
});
afterAll(() => rmSync(nowhere, { recursive: true }));

const commands = [
  ...['up', 'demo', 'status', 'tree', 'why', 'image', 'image build', 'image list', 'version', 'completion'],
  ...[
    'snapshot',
    'snapshot save',
    'snapshot restore',
    'snapshot status',
    'check',
    'secrets',
    'secrets rotate',
    'secrets status',
  ],
];

test.each(commands)('%s has help with examples', async (command) => {
  const { code, stdout } = await homeport([...command.split(' '), '--help']);
  expect(
    stdout.split('\n').filter((line) => line.length > 80),
    'lines too long for a terminal of 80 columns',
  ).toEqual([]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/Examples:\n {2}# .+\n {2}\$ .*homeport /);
});

test('version', async () => {
  expect((await homeport(['version'])).stdout).toMatch(/^Homeport \d+\.\d+\.\d+ \(Node v\d+/);
  expect(JSON.parse((await homeport(['version', '-o', 'json'])).stdout)).toHaveProperty('homeport');
});

test('a completion script completes commands and their options', async () => {
  const { stdout } = await homeport(['completion', 'bash']);
  const complete = async (...words: string[]): Promise<string[]> => {
    const script = `${stdout}\nCOMP_WORDS=(homeport ${words.join(' ')}); COMP_CWORD=${words.length}; _homeport; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return (await run('bash', ['-c', script])).stdout.trim().split('\n');
  };
  expect(await complete('st')).toEqual(['status']);
  expect(await complete('image', 'b')).toEqual(['build']);
  expect(await complete('up', '--sec')).toEqual(['--secure-port']);
  expect((await homeport(['completion', 'fish'])).stdout).toContain('complete -c homeport');
});

test.each([
  [['demo'], 'start it in another terminal'],
  [['why', 'deploy/x', '--kubeconfig', '/no/such/file'], '/no/such/file'],
  [['image', 'build', '/no/such/folder', '-t', 'a:1'], '/no/such/folder'],
  [['image', 'build', '.', '-t', 'a:1', '--env', 'novalue'], '--env takes NAME=VALUE'],
  [['nonsense'], "unknown command 'nonsense'"],
  [['image', 'list', '--colour'], '(homeport image list --help shows'],
  [['up', '--runtime', 'magic'], 'Allowed choices are'],
])('homeport %j says what is wrong', async (args, message) => {
  const withData = args[0] === 'nonsense' ? args : [...args, '--data', nowhere];
  const { code, stderr } = await homeport(withData, { env: { KUBECONFIG: '', HOME: nowhere } });
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test('the launcher runs on the Node that the project brings', async () => {
  const { stdout } = await run('node', [join(root, 'scripts/run.mjs'), 'version', '-o', 'json']);
  const { node } = JSON.parse(stdout) as { node: string };
  expect(Number(node.slice(1).split('.')[0])).toBeGreaterThanOrEqual(24);
});
