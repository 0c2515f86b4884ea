import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flagKey, options, readConfiguration } from './configuration.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-configuration-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, `${Math.random()}.yaml`);
  writeFileSync(path, text);
  return path;
}

const spec = (text: string): string => file(`apiVersion: homeport.dev/v1alpha1\nkind: Configuration\nspec: ${text}`);

test('a flag goes before the file, the file before the default', () => {
  const path = spec('{runtime: simulated, securePort: 7000, dataDir: /from/file}');
  expect(readConfiguration({ data: '/from/flag' }, path)).toMatchObject({
    dataDir: '/from/flag',
    runtime: 'simulated',
    securePort: 7000,
    authorizationMode: 'RBAC',
  });
});

function valueFor({ port, number, truth, list, choices }: (typeof options)[number]): unknown {
  if (port || number) return 1234;
  if (truth) return false;
  return list ? ['a', 'b'] : (choices?.at(-1) ?? 'text');
}

test('every flag has a field in the file', () => {
  for (const option of options) {
    const value = valueFor(option);
    const fromFile = readConfiguration({}, spec(JSON.stringify({ [option.field]: value })));
    expect(readConfiguration({ [flagKey(option)]: value }, undefined)).toEqual(fromFile);
    expect(fromFile[option.field]).toEqual(value);
  }
});

test.each([
  ['{securePort: 70000}', /spec\.securePort must be a port between 0 and 65535 .* not 70000/],
  ['{runtime: magic}', /spec\.runtime must be one of auto, linux, simulated, not "magic"/],
  ['{dataDir: 5}', /spec\.dataDir must be a text, not 5/],
  ['{colour: red}', /unknown field spec\.colour/],
  ['[', /is not YAML: [^\n]*$/],
  ['[1]', /spec must hold fields/],
  ['text', /spec must hold fields/],
])('what is wrong with %s is said with its place', (text, message) => {
  expect(() => readConfiguration({}, spec(text))).toThrow(message);
});

test('a file of another kind is refused', () => {
  expect(() => readConfiguration({}, file('kind: Pod'))).toThrow(/must be of apiVersion homeport.dev\/v1alpha1/);
});
