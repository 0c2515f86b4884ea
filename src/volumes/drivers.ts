import type { VolumeDriver } from './driver.ts';

/** The volume drivers of this machine, by name. They come and go while it runs. */
export interface VolumeDrivers {
  get(name: string): VolumeDriver | undefined;
  list(): VolumeDriver[];
  /** Tells of drivers that come, change or go. Returns the way to end that. */
  onChange(listener: (name: string) => void): () => void;
}

/** A changeable set of drivers. */
export interface DriverSet extends VolumeDrivers {
  set(driver: VolumeDriver): void;
  remove(name: string): void;
}

export function createDrivers(first: readonly VolumeDriver[] = []): DriverSet {
  const drivers = new Map(first.map((driver) => [driver.name, driver]));
  const listeners = new Set<(name: string) => void>();
  const tell = (name: string): void => {
    for (const listener of listeners) listener(name);
  };
  return {
    get: (name) => drivers.get(name),
    list: () => [...drivers.values()],
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(driver) {
      drivers.set(driver.name, driver);
      tell(driver.name);
    },
    remove(name) {
      if (drivers.delete(name)) tell(name);
    },
  };
}
