import type { Informer, InformerHandler, Informers } from '../client/index.ts';
import { type KubeObject, keyOf, type Resource } from '../machinery/index.ts';

/** Informers whose objects a test puts there itself. */
export interface FakeInformers extends Informers {
  put(resource: Resource, object: KubeObject): void;
  remove(resource: Resource, object: KubeObject): void;
}

export function fakeInformers(): FakeInformers {
  const all = new Map<string, ReturnType<typeof fakeInformer>>();
  const of = (resource: Resource) => {
    const found = all.get(resource.resource) ?? fakeInformer(resource);
    all.set(resource.resource, found);
    return found;
  };
  return {
    for: (resource) => of(resource).informer,
    release: () => undefined,
    stop: async () => undefined,
    put: (resource, object) => of(resource).put(object),
    remove: (resource, object) => of(resource).remove(object),
  };
}

function fakeInformer(resource: Resource) {
  const objects = new Map<string, KubeObject>();
  const indexes = new Map<string, (object: KubeObject) => Iterable<string>>();
  const handlers = new Set<InformerHandler>();
  const informer: Informer = {
    resource,
    synced: Promise.resolve(),
    get: (key) => objects.get(key),
    list: (namespace) =>
      [...objects.values()].filter((object) => !namespace || object.metadata.namespace === namespace),
    byIndex: (name, value) =>
      [...objects.values()].filter((object) => [...(indexes.get(name)?.(object) ?? [])].includes(value)),
    addIndex: (name, values) => void indexes.set(name, values),
    addHandler(handler) {
      handlers.add(handler);
      for (const object of objects.values()) handler.upsert?.(object, undefined);
      return () => void handlers.delete(handler);
    },
  };
  return {
    informer,
    put(object: KubeObject) {
      const old = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      for (const handler of handlers) handler.upsert?.(object, old);
    },
    remove(object: KubeObject) {
      objects.delete(keyOf(object));
      for (const handler of handlers) handler.remove?.(object);
    },
  };
}
