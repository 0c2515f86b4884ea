import {
  apiVersionOfResource,
  applySchemaDefaults,
  convertAutoscaler,
  convertEvent,
  type KubeObject,
  storageGroup,
} from '../../machinery/index.ts';
import type { GroupResource, ServedResource } from '../contracts.ts';
import type { CustomResource } from '../crd/index.ts';
import { Entry } from '../store/entry.ts';

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
  /** A stored entry as this version shows it: the entry itself whenever that is possible. */
  view(entry: Entry): Entry;
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

/** The registration of a version of a CRD's resource; between versions only apiVersion differs (conversion None). */
export function customRegistration(
  served: CustomResource,
  storageApiVersion: string,
  retired: AbortSignal,
): Registration {
  const apiVersion = apiVersionOfResource(served);
  const storedPrefix = Buffer.from(`{"apiVersion":${JSON.stringify(apiVersion)},`);
  let defaulting: boolean | undefined;
  const hasDefaults = (): boolean => {
    defaulting ??= JSON.stringify(served.schema).includes('"default":');
    return defaulting;
  };
  return {
    served,
    apiVersion,
    custom: served,
    retired,
    storage: { group: served.group, resource: served.resource },
    toStorage: (object) =>
      object.apiVersion === storageApiVersion ? object : { ...object, apiVersion: storageApiVersion },
    view(entry) {
      const sameVersion = entry.bytes.subarray(0, storedPrefix.length).equals(storedPrefix);
      if (sameVersion && !hasDefaults()) return entry;
      return cachedView(entry, served, () => {
        const object = sameVersion ? entry.object : { ...entry.object, apiVersion };
        return hasDefaults() ? applySchemaDefaults(object, served.schema) : object;
      });
    },
  };
}

/** What an entry looks like elsewhere, worked out once for each place and kept with the entry. */
function cachedView(entry: Entry, place: unknown, make: () => KubeObject): Entry {
  let view = entry.views?.get(place);
  if (!view) {
    const object = make();
    view = object === entry.object ? entry : Entry.fromObject(object, entry.revision);
    entry.views ??= new Map();
    entry.views.set(place, view);
  }
  return view;
}
