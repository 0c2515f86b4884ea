import { groupResource, type Resource } from '../machinery/index.ts';

/** Which instances read which objects that they do not own, so that a change of one reaches those that read it. */
export interface Readers {
  /** An instance reads an object; without key, any object of the resource. */
  note(instance: string, resource: Resource, key: string | undefined): void;
  /** The instances that read an object. */
  of(resource: Resource, key: string): Iterable<string>;
  /** An instance reads nothing: it is gone, or is about to say anew what it reads. */
  forget(instance: string): void;
}

export function createReaders(): Readers {
  const byObject = new Map<string, Set<string>>();
  const byInstance = new Map<string, Set<string>>();
  const place = (resource: Resource, key: string | undefined) => `${groupResource(resource)} ${key ?? '*'}`;
  return {
    note(instance, resource, key) {
      const at = place(resource, key);
      byObject.set(at, (byObject.get(at) ?? new Set()).add(instance));
      byInstance.set(instance, (byInstance.get(instance) ?? new Set()).add(at));
    },
    of: (resource, key) => [
      ...(byObject.get(place(resource, key)) ?? []),
      ...(byObject.get(place(resource, undefined)) ?? []),
    ],
    forget(instance) {
      for (const at of byInstance.get(instance) ?? []) {
        const instances = byObject.get(at);
        instances?.delete(instance);
        if (instances?.size === 0) byObject.delete(at);
      }
      byInstance.delete(instance);
    },
  };
}
