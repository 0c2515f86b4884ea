import { groupResource, type Resource } from '../machinery/index.ts';

/** Which instances read which objects that they do not own, so that a change of one reaches those that read it. */
export interface Readers {
  /** An instance reads an object; without key, any object of the resource. */
  note(instance: string, resource: Resource, key: string | undefined): void;
  /** The instances that read an object. */
  of(resource: Resource, key: string): Iterable<string>;
  /** An instance is gone. */
  forget(instance: string): void;
}

export function createReaders(): Readers {
  const byObject = new Map<string, Set<string>>();
  const place = (resource: Resource, key: string | undefined) => `${groupResource(resource)} ${key ?? '*'}`;
  return {
    note(instance, resource, key) {
      const at = place(resource, key);
      const instances = byObject.get(at) ?? new Set();
      byObject.set(at, instances.add(instance));
    },
    of: (resource, key) => [
      ...(byObject.get(place(resource, key)) ?? []),
      ...(byObject.get(place(resource, undefined)) ?? []),
    ],
    forget(instance) {
      for (const [at, instances] of byObject) {
        instances.delete(instance);
        if (instances.size === 0) byObject.delete(at);
      }
    },
  };
}
