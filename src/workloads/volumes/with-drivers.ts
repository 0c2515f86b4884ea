import type { Controller, DynamicController } from '../../client/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';

/** A controller that also reconciles the keys that are about a driver, when that one comes or changes. */
export function withDrivers(
  controller: DynamicController,
  drivers: VolumeDrivers,
  keysOf: (driver: string) => Iterable<string>,
): Controller {
  let forget: () => void = () => undefined;
  return {
    ...controller,
    start() {
      forget = drivers.onChange((name) => {
        for (const key of keysOf(name)) controller.enqueue(key);
      });
      controller.start();
    },
    async stop() {
      forget();
      await controller.stop();
    },
  };
}
