import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { KubeObject, Resource } from '../machinery/index.ts';
import type { Controller } from './controller.ts';
import { createClient } from './create-client.ts';
import { createController } from './create-controller.ts';
import { onDemand } from './on-demand.ts';
import { createPlatformContext } from './platform-context.ts';
import { createFakeApi } from './testing/fake-api.ts';

const widgets: Resource = { group: 'test.dev', version: 'v1', resource: 'widgets', kind: 'Widget', namespaced: true };
const gadgets: Resource = { group: 'test.dev', version: 'v1', resource: 'gadgets', kind: 'Gadget', namespaced: true };
const cleanUps: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

const widget = (name: string): KubeObject => ({
  apiVersion: 'test.dev/v1',
  kind: 'Widget',
  metadata: { name, namespace: 'a' },
});

const isWanted = ({ metadata }: KubeObject): boolean => metadata.name !== 'unwanted';

function run(failing = false) {
  const client = createClient(createFakeApi([widgets, gadgets]));
  const context = createPlatformContext(client, pino({ level: 'silent' }));
  const reconciled: string[] = [];
  const load = vi.fn(async (): Promise<Controller> => {
    if (failing) throw new Error('no such module');
    const reconcile = async (key: string) => void reconciled.push(key);
    return createController({ name: 'late', context, sources: [{ resource: widgets }], reconcile });
  });
  const demands = [{ resource: gadgets }, { resource: widgets, when: isWanted }];
  const controller = onDemand({ name: 'late', context, demands, load });
  cleanUps.push(async () => {
    await controller.stop();
    await context.stop();
  });
  controller.start();
  return { client, controller, load, reconciled };
}

describe('onDemand', () => {
  it('is settled without loading anything while there is nothing to act on', async () => {
    const { controller, load } = run();
    expect(controller.activity?.unsettled().map(({ key }) => key)).toEqual([
      'the first list of gadgets.test.dev',
      'the first list of widgets.test.dev',
    ]);
    await controller.activity?.settled();
    expect(controller.activity?.unsettled()).toEqual([]);
    expect(load).not.toHaveBeenCalled();
  });

  it('loads the controller once, with the first object, and it sees them all', async () => {
    const { client, controller, load, reconciled } = run();
    await client.create(widgets, widget('unwanted'));
    await controller.activity?.settled();
    expect(load).not.toHaveBeenCalled();
    await client.create(widgets, widget('one'));
    await client.create(widgets, widget('two'));
    await vi.waitFor(() => expect(reconciled.toSorted()).toEqual(['a/one', 'a/two', 'a/unwanted']));
    await controller.activity?.settled();
    expect(controller.activity?.unsettled()).toEqual([]);
    expect(load).toHaveBeenCalledOnce();
  });

  it('never loads once it is stopped', async () => {
    const { client, controller, load } = run();
    await controller.stop();
    await client.create(widgets, widget('one'));
    await controller.activity?.settled();
    expect(load).not.toHaveBeenCalled();
  });

  it('says what kept it from being loaded', async () => {
    const { client, controller } = run(true);
    await client.create(widgets, widget('one'));
    await vi.waitFor(() =>
      expect(controller.activity?.unsettled()).toEqual([{ key: 'its code', error: new Error('no such module') }]),
    );
  });
});
