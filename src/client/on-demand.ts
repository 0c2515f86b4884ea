import { groupResource, type KubeObject, type Resource } from '../machinery/index.ts';
import type { Controller, PlatformContext } from './controller.ts';

/** What makes a controller necessary: an object of a resource, or one whose metadata is like that. */
export interface Demand {
  resource: Resource;
  when?: (object: KubeObject) => boolean;
}

export interface OnDemandOptions {
  /** The name of the controller that is loaded. */
  name: string;
  context: PlatformContext;
  /** One of them is reason enough. */
  demands: readonly Demand[];
  /** Imports the controller's code and makes it; called once at most. */
  load(): Promise<Controller>;
}

/**
 * A controller that is loaded and started when there is an object for it to act on: what nobody uses takes no time at
 * the start, and no memory. Until then the metadata of what it waits for is watched, and nothing else.
 */
export function onDemand({ name, context, demands, load }: OnDemandOptions): Controller {
  const log = context.log.child({ controller: name });
  const waiting = new Set<string>();
  const looked = Promise.withResolvers<void>();
  const detach: (() => void)[] = [];
  let stopped = false;
  let started: Promise<Controller | undefined> | undefined;
  let controller: Controller | undefined;
  let failure: unknown;

  async function loadAndStart(): Promise<Controller | undefined> {
    try {
      const loaded = await load();
      if (stopped) return undefined;
      controller = loaded;
      // It follows first what brought it here, so that nothing has to be listed again.
      controller.start();
      leave();
      return controller;
    } catch (error) {
      failure = error;
      log.error({ err: error }, `loading ${name} failed: nothing acts on what it is for`);
      return undefined;
    }
  }

  function leave(): void {
    for (const end of detach.splice(0)) end();
    waiting.clear();
    looked.resolve();
  }

  function watchFor({ resource, when }: Demand): void {
    const informer = context.informers.for(resource, true);
    const key = groupResource(resource);
    waiting.add(key);
    detach.push(
      informer.addHandler({
        upsert(object) {
          if (!stopped && when?.(object) !== false) started ??= loadAndStart();
        },
      }),
    );
    void informer.synced.then(() => {
      waiting.delete(key);
      if (waiting.size === 0) looked.resolve();
    });
  }

  return {
    name,
    start() {
      if (!stopped) demands.forEach(watchFor);
    },
    async stop() {
      stopped = true;
      leave();
      await (await started)?.stop();
    },
    activity: {
      async settled() {
        await looked.promise;
        await (await started)?.activity?.settled();
      },
      unsettled() {
        if (controller) return controller.activity?.unsettled() ?? [];
        if (failure !== undefined) return [{ key: 'its code', error: failure }];
        return started ? [{ key: 'its code' }] : [...waiting].map((key) => ({ key: `the first list of ${key}` }));
      },
    },
  };
}
