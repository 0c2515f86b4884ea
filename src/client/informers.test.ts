import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, type KubeObject, keyOf, type Resource } from '../machinery/index.ts';
import type { Client } from './client.ts';
import { createClient } from './create-client.ts';
import type { Informers } from './informer.ts';
import { createInformers } from './informers.ts';
import { createFakeApi, type FakeApi } from './testing/fake-api.ts';

const widgets: Resource = { group: 'test.dev', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };
const log = pino({ level: 'silent' });

const started: Informers[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.stop()));
});

function setUp(resources: readonly Resource[] = [widgets]) {
  const api = createFakeApi(resources);
  const client = createClient(api);
  const informers = createInformers(client, log);
  started.push(informers);
  return { api, client, informers };
}

function widget(name: string, rest: Record<string, unknown> = {}): KubeObject {
  return { apiVersion: 'test.dev/v1', kind: 'Widget', metadata: { name, namespace: 'a' }, ...rest };
}

interface Step {
  kind: string;
  name: string;
}

/** Changes an object, or does to the watches what servers and networks do. */
async function take(api: FakeApi, client: Client, { kind, name }: Step): Promise<void> {
  const key = { name, namespace: 'a' };
  const there = kind === 'put' || kind === 'delete' ? await client.find(widgets, key) : undefined;
  switch (kind) {
    case 'put':
      if (there) await client.update(widgets, { ...there, spec: { time: api.requests.length } });
      else await client.create(widgets, widget(name));
      return;
    case 'delete':
      if (there) await client.delete(widgets, key);
      return;
    case 'drop':
      api.dropWatches();
      return;
    case 'compact':
      api.compact();
      return;
    case 'repeat':
      api.repeatEvents(5);
      return;
    default:
      await new Promise((resolve) => setImmediate(resolve));
  }
}

async function stored(api: FakeApi): Promise<string[]> {
  const { items } = (await api.request({ method: 'GET', path: '/apis/test.dev/v1/widgets' })) as {
    items: KubeObject[];
  };
  return items.map((item) => `${keyOf(item)}@${item.metadata.resourceVersion}`).sort();
}

describe('an informer', () => {
  it('lists, then follows additions, changes and deletions', async () => {
    const { client, informers } = setUp();
    await client.create(widgets, widget('one'));
    const informer = informers.for(widgets);
    await informer.synced;
    const seen: string[] = [];
    informer.addHandler({
      upsert: (object, old) => seen.push(`${old ? 'changed' : 'added'} ${object.metadata.name}`),
      remove: (object) => seen.push(`removed ${object.metadata.name}`),
    });
    await client.create(widgets, widget('two'));
    await client.patch(widgets, { name: 'two', namespace: 'a' }, 'merge', { spec: { size: 2 } });
    await client.delete(widgets, { name: 'one', namespace: 'a' });
    await vi.waitFor(() => expect(seen).toEqual(['added one', 'added two', 'changed two', 'removed one']));
    expect(informer.list('a').map(keyOf)).toEqual(['a/two']);
  });

  it('is shared: one list and one watch, whoever asks', async () => {
    const { api, informers } = setUp();
    expect(informers.for(widgets)).toBe(informers.for({ ...widgets }));
    await informers.for(widgets).synced;
    await vi.waitFor(() => expect(api.watchers).toBe(1));
    expect(api.requests).toHaveLength(1);
  });

  it('keeps its indexes up to date', async () => {
    const { client, informers } = setUp();
    const informer = informers.for(widgets);
    informer.addIndex('size', (object) => [String(object.spec?.['size'])]);
    await client.create(widgets, widget('one', { spec: { size: 1 } }));
    await vi.waitFor(() => expect(informer.byIndex('size', '1')).toHaveLength(1));
    await client.patch(widgets, { name: 'one', namespace: 'a' }, 'merge', { spec: { size: 2 } });
    await vi.waitFor(() => expect(informer.byIndex('size', '2')).toHaveLength(1));
    expect(informer.byIndex('size', '1')).toEqual([]);
    expect(() => informer.byIndex('colour', 'red')).toThrow('no index named "colour"');
  });

  it('does not let a handler that throws keep the others from an event', async () => {
    const { client, informers } = setUp();
    const informer = informers.for(widgets);
    const seen: string[] = [];
    informer.addHandler({
      upsert() {
        throw new Error('a broken handler');
      },
    });
    informer.addHandler({ upsert: ({ metadata }) => seen.push(metadata.name) });
    await client.create(widgets, widget('one'));
    await vi.waitFor(() => expect(seen).toEqual(['one']));
  });

  it('waits for a resource that is not installed, and looks again at once when it is asked for', async () => {
    const { api, client, informers } = setUp([]);
    const informer = informers.for(widgets);
    await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(0));
    api.install(widgets);
    await client.create(widgets, widget('one'));
    informers.for(widgets);
    await informer.synced;
    expect(informer.get('a/one')).toBeDefined();
  });

  it('forgets the objects of a resource that is uninstalled', async () => {
    const { api, client, informers } = setUp();
    await client.create(widgets, widget('one'));
    const informer = informers.for(widgets);
    await informer.synced;
    const removed: string[] = [];
    informer.addHandler({ remove: ({ metadata }) => removed.push(metadata.name) });
    api.uninstall(widgets);
    await vi.waitFor(() => expect(removed).toEqual(['one']));
  });

  it('is ended when its resource is released and its last handler gone, and started anew when asked for', async () => {
    const { api, client, informers } = setUp();
    const informer = informers.for(widgets);
    await informer.synced;
    const remove = informer.addHandler({});
    await vi.waitFor(() => expect(api.watchers).toBe(1));
    informers.release(widgets);
    expect(informers.for(widgets)).toBe(informer);
    informers.release(widgets);
    expect(api.watchers).toBe(1);
    remove();
    await vi.waitFor(() => expect(api.watchers).toBe(0));
    await client.create(widgets, widget('one'));
    const next = informers.for(widgets);
    expect(next).not.toBe(informer);
    await next.synced;
    expect(next.list().map(keyOf)).toEqual(['a/one']);
  });

  it('computes deletions from a new list after 410', async () => {
    const { api, client, informers } = setUp();
    await client.create(widgets, widget('one'));
    await client.create(widgets, widget('two'));
    const informer = informers.for(widgets);
    await informer.synced;
    await vi.waitFor(() => expect(api.watchers).toBe(1));
    const removed: string[] = [];
    informer.addHandler({ remove: ({ metadata }) => removed.push(metadata.name) });
    api.dropWatches();
    await client.delete(widgets, { name: 'one', namespace: 'a' });
    api.compact();
    await vi.waitFor(() => expect(removed).toEqual(['one']));
  });

  it('goes on after errors', async () => {
    const { api, client, informers } = setUp();
    await client.create(widgets, widget('one'));
    api.failWith = new ApiError(500, 'InternalError', 'etcd is away');
    const informer = informers.for(widgets);
    await vi.waitFor(() => expect(api.requests.length).toBeGreaterThan(1));
    api.failWith = undefined;
    await informer.synced;
    expect(informer.list().map(keyOf)).toEqual(['a/one']);
  });

  it('ends up with what the server has, whatever watches go through', async () => {
    const name = fc.constantFrom('one', 'two', 'three');
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('put', 'delete'), name }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('drop', 'compact', 'repeat', 'yield'), name }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { api, client, informers } = setUp();
        const informer = informers.for(widgets);
        const view = new Map<string, string>();
        informer.addHandler({
          upsert(object, old) {
            expect(old !== undefined).toBe(view.has(keyOf(object)));
            view.set(keyOf(object), `${keyOf(object)}@${object.metadata.resourceVersion}`);
          },
          remove: (object) => expect(view.delete(keyOf(object))).toBe(true),
        });
        for (const each of steps) await take(api, client, each);
        const wanted = await stored(api);
        await vi.waitFor(() => expect([...view.values()].sort()).toEqual(wanted), { timeout: 5000, interval: 2 });
        await informers.stop();
      }),
      { numRuns: 60 },
    );
  });
});
