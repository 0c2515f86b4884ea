// A chart's life with a real helm: its waits, its secrets and its three-way merges are a hard test of an API server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { run } from './support/run.ts';
import { tool } from './support/tools.ts';

let homeport: TestHomeport;
let folder: string;

const templates = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: '{{ .Release.Name }}'}}
  template:
    metadata: {labels: {app: '{{ .Release.Name }}'}}
    spec: {containers: [{name: main, image: 'anything:{{ .Values.tag }}'}]}
---
apiVersion: v1
kind: Service
metadata: {name: '{{ .Release.Name }}'}
spec: {selector: {app: '{{ .Release.Name }}'}, ports: [{port: 80, targetPort: 8080}]}
`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-helm-'));
  mkdirSync(join(folder, 'templates'));
  writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: tiny\nversion: 0.1.0\n');
  writeFileSync(join(folder, 'values.yaml'), 'tag: one\nreplicas: 1\n');
  writeFileSync(join(folder, 'templates/all.yaml'), templates);
  homeport = await startHomeport(['--runtime', 'simulated']);
});
afterAll(async () => {
  await homeport.stop();
  rmSync(folder, { recursive: true });
});

/** Runs helm in the namespace 'charts' and returns what it printed; fails the test if helm fails. */
async function helm(...args: string[]): Promise<string> {
  const env = { KUBECONFIG: homeport.status.kubeconfig, HOME: homeport.dataDir };
  const outcome = await run(tool('helm'), ['-n', 'charts', ...args], { env });
  expect(outcome.code, `helm ${args.join(' ')}: ${outcome.stderr}`).toBe(0);
  return outcome.stdout;
}

const wait = ['--wait', '--timeout', '20s'];
const running = () =>
  homeport.kubectl('-n charts get deploy app -o jsonpath={.spec.replicas}{..image}{.status.availableReplicas}');

test('install, upgrade, rollback, uninstall', async () => {
  await helm('install', 'app', folder, '--create-namespace', ...wait);
  expect(await running()).toBe('1anything:one1');
  await helm('upgrade', 'app', folder, '--set', 'tag=two,replicas=2', ...wait);
  expect(await running()).toBe('2anything:two2');
  await helm('rollback', 'app', '1', ...wait);
  expect(await running()).toBe('1anything:one1');
  const history = JSON.parse(await helm('history', 'app', '-o', 'json')) as { status: string }[];
  expect(history.map(({ status }) => status)).toEqual(['superseded', 'superseded', 'deployed']);
  await helm('uninstall', 'app', ...wait);
  expect(await homeport.kubectl('-n charts get all,secrets -o name')).toBe('');
});
