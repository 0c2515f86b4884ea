// A chart's life with a real helm: its waits, its secrets and its three-way merges are a hard test of an API server.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { run } from './support/run.ts';
import { type Tool, tool } from './support/tools.ts';

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

/** Hooks leave a trace each: a ConfigMap that says which release ran it. */
const hook = (name: string, when: string, policy: string): string => `
apiVersion: v1
kind: ConfigMap
metadata:
  name: '{{ .Release.Name }}-${name}'
  annotations: {helm.sh/hook: '${when}', helm.sh/hook-weight: '1', helm.sh/hook-delete-policy: '${policy}'}
data: {revision: '{{ .Release.Revision }}'}
---`;
const hooks = [
  hook('before', 'pre-install,pre-upgrade', 'before-hook-creation'),
  hook('after', 'post-install', 'before-hook-creation'),
  hook('passing', 'post-upgrade', 'hook-succeeded'),
  hook('leaving', 'post-delete', 'before-hook-creation'),
  hook('check', 'test', 'before-hook-creation'),
].join('');

const crd = (version: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${version}widgets.helm.example.com}
spec:
  group: helm.example.com
  scope: Namespaced
  names: {plural: ${version}widgets, kind: Widget${version}}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`;
const widget = (version: string): string => `
apiVersion: helm.example.com/v1
kind: Widget${version}
metadata: {name: '{{ .Release.Name }}'}
spec: {size: {{ .Values.replicas }}}
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

/** Runs a helm in the namespace 'charts' and returns what it printed; fails the test if helm fails. */
async function helmOf(program: Tool, ...args: string[]): Promise<string> {
  const env = { KUBECONFIG: homeport.status.kubeconfig, HOME: homeport.dataDir };
  const outcome = await run(tool(program), ['-n', 'charts', ...args], { env });
  expect(outcome.code, `helm ${args.join(' ')}: ${outcome.stderr}`).toBe(0);
  return outcome.stdout;
}

const helm = (...args: string[]): Promise<string> => helmOf('helm', ...args);

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

describe.each(['helm', 'helm-3'] as const)('a chart with hooks and definitions, by %s', (program) => {
  const version = program === 'helm' ? 'four' : 'three';
  const release = `r-${version}`;
  const chart = (): string => join(folder, version);
  const run = (...args: string[]): Promise<string> => helmOf(program, ...args);
  const trace = (name: string): Promise<string> =>
    homeport.kubectl(`-n charts get configmap ${release}-${name} --ignore-not-found -o jsonpath={.data.revision}`);
  const size = (): Promise<string> =>
    homeport.kubectl(`-n charts get ${version}widgets.helm.example.com ${release} -o jsonpath={.spec.size}`);

  beforeAll(() => {
    for (const part of ['templates', 'crds']) mkdirSync(join(chart(), part), { recursive: true });
    writeFileSync(join(chart(), 'Chart.yaml'), `apiVersion: v2\nname: ${version}\nversion: 0.1.0\n`);
    writeFileSync(join(chart(), 'values.yaml'), 'replicas: 1\n');
    writeFileSync(join(chart(), 'crds/widget.yaml'), crd(version));
    writeFileSync(join(chart(), 'templates/widget.yaml'), widget(version));
    writeFileSync(join(chart(), 'templates/hooks.yaml'), hooks);
  });

  test('installs the definition first, and runs each hook at its time', async () => {
    await run('install', release, chart(), '--create-namespace', ...wait);
    expect(await size()).toBe('1');
    expect([await trace('before'), await trace('after'), await trace('check')]).toEqual(['1', '1', '']);
    expect(await run('test', release)).toContain('Succeeded');
    expect(await trace('check')).toBe('1');
  });

  test('upgrades, rolls back and uninstalls; definitions stay', async () => {
    await run('upgrade', release, chart(), '--set', 'replicas=3', ...wait);
    expect([await size(), await trace('before'), await trace('passing')]).toEqual(['3', '2', '']);
    await run('rollback', release, '1', ...wait);
    expect(await size()).toBe('1');
    await run('uninstall', release, ...wait);
    expect(await trace('leaving')).not.toBe('');
    const left = await homeport.kubectl(`-n charts get ${version}widgets.helm.example.com -o name`);
    expect(left).toBe('');
  });
});

test('Helm 4 applies on the server side, and takes over what was applied on the client side', async () => {
  await helm('install', 'sides', folder, '--create-namespace', '--server-side=false', ...wait);
  await helm('upgrade', 'sides', folder, '--server-side=true', '--force-conflicts', '--set', 'tag=two', ...wait);
  const fields = '{range .metadata.managedFields[*]}{.manager}:{.operation} {end}';
  const managers = await homeport.kubectl(['-n', 'charts', 'get', 'deploy', 'sides', '-o', `jsonpath=${fields}`]);
  expect(managers).toContain('helm:Apply');
  await helm('uninstall', 'sides', ...wait);
});
