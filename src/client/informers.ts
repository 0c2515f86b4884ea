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
    for(resource: Resource, metadataOnly = false) {
      if (stopped)
        throw new Error(`informer for ${groupResource(resource)} requested after the informers were stopped`);
      const whole = keyOfResource(resource);
      const key = metadataOnly && !running.has(whole) ? metadataKey(whole) : whole;
      released.delete(key);
      const found = running.get(key);
      if (found) {
        found.poke();
        return found.informer;
      }
      const metadata = key !== whole;
      const started = startInformer({
        client,
        resource,
        log,
        metadataOnly: metadata,
        onUnhandled: () => endReleased(key),
      });
      running.set(key, started);
      return started.informer;
    },
    release(resource) {
      const whole = keyOfResource(resource);
      for (const key of [whole, metadataKey(whole)]) {
        released.add(key);
        endReleased(key);
      }
    },
    async stop() {
      stopped = true;
      await Promise.all([...running.values()].map((each) => each.stop()));
    },
  };
}

const metadataKey = (whole: string): string => `${whole} metadata`;

function keyOfResource({ group, version, resource }: Resource): string {
  return `${group}/${version}/${resource}`;
}
