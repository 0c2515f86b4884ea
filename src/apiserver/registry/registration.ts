import {
  apiVersionOfResource,
  applySchemaDefaults,
  convertAutoscaler,
  convertEvent,
  type KubeObject,
  pruneUnknown,
  storageGroup,
} from '../../machinery/index.ts';
import type { GroupResource, ServedResource } from '../contracts.ts';
import type { CustomResource } from '../crd/index.ts';
import { Entry } from '../store/entry.ts';
import type { Convert } from './conversion.ts';

/** A resource in one served version, and how its objects are stored. */
export interface Registration {
  readonly served: ServedResource;
  readonly apiVersion: string;
  readonly storage: GroupResource;
  /** Set for a CRD's resource. */
  readonly custom?: CustomResource;
  /** Aborted when a CRD's resource is served no more, or otherwise than before: watches end then. */
  readonly retired?: AbortSignal;
  /** The object as it is stored; may share parts with its argument. */
  toStorage(object: KubeObject): KubeObject;
  /** Instead of toStorage, where a webhook converts. Rejects with ApiError 500. */
  readonly convertToStorage?: (object: KubeObject) => Promise<KubeObject>;
  /** A stored entry as this version shows it: the entry itself whenever that is possible. */
  view(entry: Entry): Entry;
  /**
   * Where a webhook converts: gets entries ready for `view`, those that are not yet in one call. undefined when all are.
   * Rejects with ApiError 500.
   */
  readonly prepare?: (entries: readonly Entry[]) => Promise<void> | undefined;
}

const identity = <T>(value: T): T => value;

/** Built-in resources whose objects are stored as another version than that of the path, and what converts them. */
const CONVERTED: Readonly<
  Record<string, readonly [storedAs: string, (object: KubeObject, version: string) => KubeObject]>
> = {
  'autoscaling/v1 horizontalpodautoscalers': ['autoscaling/v2', convertAutoscaler],
  'events.k8s.io/v1 events': ['v1', convertEvent],
};

/** The registration of a built-in resource. */
export function builtinRegistration(served: ServedResource): Registration {
  const apiVersion = apiVersionOfResource(served);
  const storage = { group: storageGroup(served), resource: served.resource };
  const converted = CONVERTED[`${apiVersion} ${served.resource}`];
  if (!converted) return { served, apiVersion, storage, toStorage: identity, view: identity };
  const [storedAs, convert] = converted;
  return {
    served,
    apiVersion,
    storage,
    toStorage(object) {
      const stored = convert(object, storedAs);
      served.strategy?.applyDefaults?.(stored);
      return stored;
    },
    view: (entry) => cachedView(entry, apiVersion, () => convert(entry.object, apiVersion)),
  };
}

/**
 * The registration of a version of a CRD's resource.
 * @param convert what converts between versions; without it they differ only in apiVersion (conversion None).
 */
export function customRegistration(
  served: CustomResource,
  storageApiVersion: string,
  retired: AbortSignal,
  convert?: Convert,
): Registration {
  const apiVersion = apiVersionOfResource(served);
  const storedPrefix = Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},`);
  let defaulting: boolean | undefined;
  const hasDefaults = (): boolean => {
    defaulting ??= JSON.stringify(served.schema).includes('"default":');
    return defaulting;
  };
  const isSame = (entry: Entry): boolean => entry.bytes.subarray(0, storedPrefix.length).equals(storedPrefix);
  const completed = (object: KubeObject): KubeObject =>
    hasDefaults() ? applySchemaDefaults(object, served.schema) : object;

  function view(entry: Entry): Entry {
    const same = isSame(entry);
    if (same && !hasDefaults()) return entry;
    return cachedView(entry, served, () => {
      if (!same && convert) throw new Error(`${entry.name} was not converted to ${apiVersion} before it was asked for`);
      return completed(same ? entry.object : { ...entry.object, apiVersion });
    });
  }

  const registration: Registration = {
    served,
    apiVersion,
    custom: served,
    retired,
    storage: { group: served.group, resource: served.resource },
    toStorage: (object) =>
      object.apiVersion === storageApiVersion ? object : { ...object, apiVersion: storageApiVersion },
    view,
  };
  if (!convert) return registration;

  /** What another request is converting already. */
  const underway = new WeakMap<Entry, Promise<void>>();

  async function convertAll(entries: readonly Entry[]): Promise<void> {
    const converted = await convert?.(
      entries.map(({ object }) => object),
      apiVersion,
    );
    for (const [i, entry] of entries.entries()) {
      const object = converted?.[i];
      if (object) keepView(entry, served, completed(pruneUnknown(object, served.schema).object));
    }
  }

  return {
    ...registration,
    async convertToStorage(object) {
      if (object.apiVersion === storageApiVersion) return object;
      const [converted = object] = await convert([object], storageApiVersion);
      return converted;
    },
    prepare(entries) {
      const missing = entries.filter((entry) => !isSame(entry) && !entry.views?.has(served));
      if (missing.length === 0) return undefined;
      const fresh = missing.filter((entry) => !underway.has(entry));
      const done = convertAll(fresh).finally(() => {
        for (const entry of fresh) underway.delete(entry);
      });
      for (const entry of fresh) underway.set(entry, done);
      return Promise.all(new Set(missing.map((entry) => underway.get(entry)))).then(() => undefined);
    },
  };
}

function keepView(entry: Entry, place: unknown, object: KubeObject): Entry {
  const view = object === entry.object ? entry : Entry.fromObject(object, entry.revision);
  entry.views ??= new Map();
  entry.views.set(place, view);
  return view;
}

/** What an entry looks like elsewhere, worked out once for each place and kept with the entry. */
function cachedView(entry: Entry, place: unknown, make: () => KubeObject): Entry {
  return entry.views?.get(place) ?? keepView(entry, place, make());
}
