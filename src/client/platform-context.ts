import type { Logger } from 'pino';
import type { Client } from './client.ts';
import type { PlatformContext } from './controller.ts';
import { createRecorder } from './create-recorder.ts';
import { createInformers } from './informers.ts';
import type { EventRecorder } from './recorder.ts';

/**
 * What controllers and capabilities are started with: the client, one set of shared informers and one recorder a
 * component. `stop` ends the informers and writes out the Events still pending; stop the controllers first.
 */
export function createPlatformContext(client: Client, log: Logger): PlatformContext & { stop(): Promise<void> } {
  const informers = createInformers(client, log);
  const recorders = new Map<string, EventRecorder>();
  return {
    client,
    informers,
    log,
    recorder(component, host = '') {
      const key = `${component}/${host}`;
      let recorder = recorders.get(key);
      if (!recorder) {
        recorder = createRecorder(client, component, log, { host });
        recorders.set(key, recorder);
      }
      return recorder;
    },
    async stop() {
      await informers.stop();
      await Promise.all([...recorders.values()].map((recorder) => recorder.flush()));
    },
  };
}
