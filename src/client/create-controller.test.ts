import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { conflict, type KubeObject, type Resource } from '../machinery/index.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { createClient } from './create-client.ts';
import { createController } from './create-controller.ts';
import { createPlatformContext } from './platform-context.ts';
import { createFakeApi } from './testing/fake-api.ts';

const widgets: Resource = { group: 'test.dev', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

function widget(name: string): KubeObject {
  return { apiVersion: 'test.dev/v1', kind: 'Widget', metadata: { name, namespace: 'a' } };
}

function run(options: Partial<ControllerOptions> & Pick<ControllerOptions, 'reconcile'>) {
  const api = createFakeApi([widgets]);
  const client = createClient(api);
  const context = createPlatformContext(client, pino({ level: 'silent' }));
  const controller: Controller = createController({
    name: 'test',
    context,
    sources: [{ resource: widgets }],
    ...options,
  });
  cleanUps.push(async () => {
    await controller.stop();
    await context.stop();
  });
  controller.start();
  return { api, client, controller };
}

describe('a controller', () => {
  it('reconciles what changes, and what its keys map to', async () => {
    const reconciled: string[] = [];
    const { client } = run({
      sources: [{ resource: widgets, keys: ({ metadata }) => [`owner-of-${metadata.name}`] }],
      reconcile: async (key) => {
        reconciled.push(key);
        return undefined;
      },
    });
    await client.create(widgets, widget('one'));
    await vi.waitFor(() => expect(reconciled).toEqual(['owner-of-one']));
  });

  it('retries an error with back-off and a conflict at once', async () => {
    const attempts: number[] = [];
    const { client } = run({
      reconcile: async () => {
        attempts.push(performance.now());
        if (attempts.length === 1) throw conflict(widgets, 'one', 'changed');
        if (attempts.length < 4) throw new Error('not yet');
        return undefined;
      },
    });
    await client.create(widgets, widget('one'));
    await vi.waitFor(() => expect(attempts).toHaveLength(4));
    expect((attempts[3] ?? 0) - (attempts[1] ?? 0)).toBeGreaterThanOrEqual(14);
  });

  it('comes back after the time that a reconcile asks for', async () => {
    let count = 0;
    const { client } = run({
      reconcile: async () => {
        count += 1;
        return count < 3 ? { requeueAfter: 5 } : undefined;
      },
    });
    await client.create(widgets, widget('one'));
    await vi.waitFor(() => expect(count).toBe(3));
  });

  it('never reconciles one key twice at a time', async () => {
    const active = new Map<string, number>();
    let most = 0;
    let done = 0;
    const { client } = run({
      workers: 8,
      reconcile: async (key) => {
        active.set(key, (active.get(key) ?? 0) + 1);
        most = Math.max(most, active.get(key) ?? 0);
        await new Promise((resolve) => setImmediate(resolve));
        active.set(key, (active.get(key) ?? 0) - 1);
        done += 1;
        return undefined;
      },
    });
    await Promise.all(['one', 'two'].map((name) => client.create(widgets, widget(name))));
    for (let round = 0; round < 10; round += 1) {
      await client.patch(widgets, { name: 'one', namespace: 'a' }, 'merge', { spec: { round } });
    }
    await vi.waitFor(() => expect(done).toBeGreaterThan(2));
    expect(most).toBe(1);
  });

  it('stops only when no reconcile runs any more, and while its sources are not there yet', async () => {
    const entered = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    let finished = false;
    const { client, controller } = run({
      reconcile: async () => {
        entered.resolve();
        await released.promise;
        finished = true;
        return undefined;
      },
    });
    await client.create(widgets, widget('one'));
    await entered.promise;
    const stopping = controller.stop();
    released.resolve();
    await stopping;
    expect(finished).toBe(true);

    const missing = { ...widgets, resource: 'gadgets', kind: 'Gadget' };
    const waiting = run({ sources: [{ resource: missing }], reconcile: async () => undefined });
    await waiting.controller.stop();
  });
});
