// Instances of definitions against a whole control plane in memory, without HTTP.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Fields, KubeObject } from '../src/machinery/index.ts';
import { resource } from './support/cluster.ts';
import {
  type ComposeCluster,
  conditionOf,
  configMaps,
  definitionOf,
  instanceOf,
  isTrue,
  nodesOf,
  startComposeCluster,
} from './support/compose.ts';

let platform: ComposeCluster;
let client: ComposeCluster['client'];

beforeAll(async () => {
  platform = await startComposeCluster();
  client = platform.client;
});
afterAll(() => platform.stop());

describe('an instance', () => {
  const parts = resource('kro.run', 'v1', 'parts', 'Part');
  let ns = '';

  beforeAll(async () => {
    ns = await platform.namespace('parts');
    const maps = {
      a: { text: '${schema.spec.text}' },
      b: { text: '${a.data.text}' },
      broken: { text: '${schema.spec.must}' },
      after: { text: '${broken.data.text}' },
      maybe: { text: 'x' },
      follows: { text: '${maybe.data.text}' },
    };
    await platform.define(definitionOf('part', 'Part', maps, { maybe: { includeWhen: ['${schema.spec.on}'] } }));
  });

  test('says of every resource what has become of it, and one that fails stops only what depends on it', async () => {
    await platform.apply(parts, instanceOf('Part', 'one', ns, { on: false }));
    const one = await platform.until(
      'an error',
      parts,
      { name: 'one', namespace: ns },
      (it) => it.status?.['state'] === 'ERROR',
    );
    expect(nodesOf(one)).toMatchObject({
      a: { state: 'Ready' },
      b: { state: 'Ready' },
      broken: { state: 'Error', message: 'schema.spec.must is not set, and ${schema.spec.must} needs it' },
      after: { state: 'Waiting', message: 'blocked by broken, which is not ready' },
      maybe: { state: 'Excluded' },
      follows: { state: 'Excluded' },
    });
    await client.patch(parts, { name: 'one', namespace: ns }, 'merge', { spec: { must: 'x', on: true } });
    await platform.until(
      'active',
      parts,
      { name: 'one', namespace: ns },
      (it) => it.status?.['state'] === 'ACTIVE' && isTrue(it, 'Ready'),
    );
  });

  test('that is suspended is left alone', async () => {
    const key = { name: 'two', namespace: ns };
    await platform.apply(parts, instanceOf('Part', 'two', ns, { must: 'x' }));
    await platform.until('active', parts, key, (it) => it.status?.['state'] === 'ACTIVE');
    const annotate = (value: string | null) =>
      client.patch(parts, key, 'merge', { metadata: { annotations: { 'kro.run/reconcile': value } } });
    await annotate('suspended');
    await platform.until('suspended', parts, key, (it) => conditionOf(it, 'InstanceManaged')?.reason === 'Suspended');
    await client.patch(parts, key, 'merge', { spec: { text: 'changed' } });
    await annotate(null);
    await platform.until(
      'the change',
      configMaps,
      { name: 'two-b', namespace: ns },
      (it) => (it['data'] as Fields)['text'] === 'changed',
    );
  });

  test('is deleted dependents first, and says what it waits for', async () => {
    const key = { name: 'three', namespace: ns };
    await platform.apply(parts, instanceOf('Part', 'three', ns, { must: 'x' }));
    await platform.until('active', parts, key, (it) => it.status?.['state'] === 'ACTIVE');
    const held = { name: 'three-b', namespace: ns };
    await client.patch(configMaps, held, 'merge', { metadata: { finalizers: ['example.com/hold'] } });
    await client.delete(parts, key);
    const deleting = await platform.until('deleting', parts, key, (it) => it.status?.['state'] === 'DELETING');
    expect(conditionOf(deleting, 'Ready')?.message).toBe(
      'waiting for the deletion of ConfigMap/three-b, which waits for its finalizers example.com/hold',
    );
    expect(await client.find(configMaps, { name: 'three-a', namespace: ns })).toBeDefined();
    await client.patch(configMaps, held, 'merge', { metadata: { finalizers: null } });
    await platform.untilGone(parts, key);
    expect(await client.find(configMaps, { name: 'three-a', namespace: ns })).toBeUndefined();
  });

  test('does not take what another one owns', async () => {
    await platform.apply(parts, instanceOf('Part', 'four', ns, { must: 'x' }));
    await platform.until('active', parts, { name: 'four', namespace: ns }, (it) => it.status?.['state'] === 'ACTIVE');
    const taker = definitionOf('taker', 'Taker', { a: { text: 'stolen' } });
    const [first] = (taker.spec?.['resources'] ?? []) as { template: KubeObject }[];
    if (first) first.template.metadata.name = 'four-a';
    await platform.define(taker);
    const takers = resource('kro.run', 'v1', 'takers', 'Taker');
    await platform.apply(takers, instanceOf('Taker', 'x', ns));
    const told = await platform.until(
      'told',
      takers,
      { name: 'x', namespace: ns },
      (it) => it.status?.['state'] === 'ERROR',
    );
    expect(nodesOf(told)['a']?.message).toBe('ConfigMap/four-a belongs to Part/four');
  });
});

describe('lists and what is there already', () => {
  const fleets = resource('kro.run', 'v1', 'fleets', 'Fleet');
  let ns = '';

  beforeAll(async () => {
    ns = await platform.namespace('fleets');
    const map = (name: string, data: Fields) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
    await platform.define({
      apiVersion: 'kro.run/v1alpha1',
      kind: 'ResourceGraphDefinition',
      metadata: { name: 'fleet' },
      spec: {
        schema: {
          apiVersion: 'v1',
          kind: 'Fleet',
          spec: { regions: '[]string', sizes: '[]integer | default=[1,2]' },
          status: { ships: '${ships.map(ship, ship.metadata.name)}' },
        },
        resources: [
          {
            id: 'settings',
            externalRef: {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: '${schema.metadata.name}-settings' },
            },
          },
          {
            id: 'flags',
            externalRef: {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { selector: { matchLabels: { flag: 'yes' } } },
            },
          },
          {
            id: 'ships',
            forEach: [{ region: '${schema.spec.regions}' }, { size: '${schema.spec.sizes}' }],
            readyWhen: ['${each.data.color != "none"}'],
            template: map('${schema.metadata.name}-${region}-${size}', {
              color: '${settings.data.color}',
              flags: '${string(flags.size())}',
            }),
          },
          { id: 'count', template: map('${schema.metadata.name}-count', { ships: '${string(ships.size())}' }) },
        ],
      },
    });
  });

  const data = (name: string, test: (data: Fields) => boolean) =>
    platform.until(name, configMaps, { name, namespace: ns }, (it) => test(it['data'] as Fields));
  const config = (name: string, content: Fields, labels: Record<string, string> = {}) =>
    platform.apply(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: ns, labels },
      data: content,
    });

  test('an object that is read is waited for, and its changes arrive', async () => {
    await platform.apply(fleets, instanceOf('Fleet', 'f', ns, { regions: ['north', 'south'] }));
    const waiting = await platform.until(
      'waiting',
      fleets,
      { name: 'f', namespace: ns },
      (it) => it.status?.['nodes'] !== undefined,
    );
    expect(nodesOf(waiting)['settings']?.message).toBe('ConfigMap/f-settings does not exist in fleets');
    await config('f-settings', { color: 'red' });
    await data('f-south-2', ({ color, flags }) => color === 'red' && flags === '0');
    await config('flag-1', {}, { flag: 'yes' });
    await data('f-north-1', ({ flags }) => flags === '1');
    await config('f-settings', { color: 'none' });
    const unready = await platform.until(
      'unready',
      fleets,
      { name: 'f', namespace: ns },
      (it) => it.status?.['state'] === 'IN_PROGRESS',
    );
    expect(nodesOf(unready)['ships']?.message).toBe('not ready (1 of 4): each.data.color != "none" is false');
    await config('f-settings', { color: 'blue' });
    await platform.until('active', fleets, { name: 'f', namespace: ns }, (it) => it.status?.['state'] === 'ACTIVE');
  });

  test('a list makes a resource of each combination, and prunes what is no longer one', async () => {
    const fleet = await client.get(fleets, { name: 'f', namespace: ns });
    expect(fleet.status?.['ships']).toEqual(['f-north-1', 'f-north-2', 'f-south-1', 'f-south-2']);
    await data('f-count', ({ ships }) => ships === '4');
    await client.patch(fleets, fleet.metadata, 'merge', { spec: { regions: ['south'], sizes: [2] } });
    await data('f-count', ({ ships }) => ships === '1');
    await platform.untilGone(configMaps, { name: 'f-north-1', namespace: ns });
    await client.delete(fleets, { name: 'f', namespace: ns });
    await platform.untilGone(fleets, { name: 'f', namespace: ns });
    expect(await client.find(configMaps, { name: 'f-south-2', namespace: ns })).toBeUndefined();
    expect(await client.find(configMaps, { name: 'f-settings', namespace: ns })).toBeDefined();
  });

  test('a list without end is an error, and nothing else', async () => {
    const many = Array.from({ length: 2_000 }, (_, at) => at);
    await platform.apply(fleets, instanceOf('Fleet', 'g', ns, { regions: ['a'], sizes: many }));
    await config('g-settings', { color: 'red' });
    const told = await platform.until(
      'told',
      fleets,
      { name: 'g', namespace: ns },
      (it) => it.status?.['state'] === 'ERROR',
    );
    expect(nodesOf(told)['ships']?.message).toBe('forEach asks for 2000 copies, more than 1000');
  });
});
