// What pods use, through kubectl top: simulated pods say it in their annotations.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
});
afterAll(() => homeport.stop());

/** A pod of two containers that use this much each. */
const pod = (name: string, cpu: string, memory: string): string => `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels: {app: ${name}}
  annotations: {kwok.x-k8s.io/usage-cpu: "${cpu}", kwok.x-k8s.io/usage-memory: "${memory}"}
spec:
  containers: [{name: a, image: i}, {name: b, image: i}]
---`;

/** The lines of a table, as words. */
const words = (table: string): string[][] =>
  table
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));

describe('kubectl top', () => {
  beforeAll(async () => {
    await kubectl(['apply', '-f', '-'], { input: `${pod('busy', '200m', '64Mi')}${pod('idle', '5m', '8Mi')}` });
    await kubectl('wait --for=condition=Ready pod --all --timeout=30s');
  });

  test('pods, by what they use, by label, container by container', async () => {
    expect(words(await kubectl('top pods --sort-by=cpu --no-headers'))).toEqual([
      ['busy', '400m', '128Mi'],
      ['idle', '10m', '16Mi'],
    ]);
    expect(words(await kubectl('top pods -l app=idle --containers'))).toEqual([
      ['POD', 'NAME', 'CPU(cores)', 'MEMORY(bytes)'],
      ['idle', 'a', '5m', '8Mi'],
      ['idle', 'b', '5m', '8Mi'],
    ]);
    expect(words(await kubectl('top pod busy -n default --no-headers'))).toEqual([['busy', '400m', '128Mi']]);
    expect(words(await kubectl('get podmetrics busy --no-headers'))).toEqual([['busy', '400m', '128Mi', '10s']]);
    expect((await homeport.tryKubectl('top pod nobody')).stderr).toContain('pods "default/nobody" not found');
  });

  test('nodes: the machine, whatever runs on it', async () => {
    const [, [name, cpu, share, memory] = []] = words(await kubectl('top nodes'));
    expect(name).toBe('homeport');
    expect(cpu).toMatch(/^\d+m$/);
    expect(share).toMatch(/^\d+%$/);
    expect(memory).toMatch(/^[1-9]\d*Mi$/);
  });
});
