import type { Logger } from 'pino';
import type { Resource } from '../machinery/index.ts';
import { groupResource } from '../machinery/index.ts';
import type { Client } from './client.ts';
import type { Informers } from './informer.ts';
import { type RunningInformer, startInformer } from './start-informer.ts';

/**
 * The shared informers of a process. Asking for a resource again gives the same informer; when that one is waiting for
 * its resource to be installed, asking makes it look again at once.
 */
export function createInformers(client: Client, log: Logger): Informers {
  const running = new Map<string, RunningInformer>();
  const released = new Set<string>();
  let stopped = false;

  function endReleased(key: string): void {
    const found = running.get(key);
    if (!found || !released.has(key) || found.isHandled()) return;
    released.delete(key);
    running.delete(key);
    // Nobody waits for it, and it ends by itself at the next answer.
    void found.stop();
  }

  return {
    for(resource: Resource) {
      if (stopped)
        throw new Error(`informer for ${groupResource(resource)} requested after the informers were stopped`);
      const key = keyOfResource(resource);
      released.delete(key);
      const found = running.get(key);
      if (found) {
        found.poke();
        return found.informer;
      }
      const started = startInformer(client, resource, log, () => endReleased(key));
      running.set(key, started);
      return started.informer;
    },
    release(resource) {
      const key = keyOfResource(resource);
      released.add(key);
      endReleased(key);
    },
    async stop() {
      stopped = true;
      await Promise.all([...running.values()].map((each) => each.stop()));
    },
  };
}

function keyOfResource({ group, version, resource }: Resource): string {
  return `${group}/${version}/${resource}`;
}
