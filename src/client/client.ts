import type { KubeObject, Resource } from '../machinery/index.ts';

/** Which object. `namespace` is required exactly when the resource is namespaced. */
export interface ObjectKey {
  name: string;
  namespace?: string;
}

export interface ListOptions {
  /** Leave out to list every namespace. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  /** Get no more of each object than apiVersion, kind, and metadata without managedFields. */
  metadataOnly?: boolean;
}

export interface ObjectList<T extends KubeObject = KubeObject> {
  items: T[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  /** Ask for the current objects first, then a bookmark annotated `k8s.io/initial-events-end`. */
  sendInitialEvents?: boolean;
  signal: AbortSignal;
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

export interface WriteOptions {
  fieldManager?: string;
  dryRun?: boolean;
  subresource?: string;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take over fields that other managers own instead of failing with a Conflict. */
  force?: boolean;
}

export type PatchType = 'json' | 'merge' | 'strategic';

export interface DeleteOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
  uid?: string;
  resourceVersion?: string;
}

/** What discovery says is served: every resource once, in the version its group prefers. */
export interface Discovered {
  resources: DiscoveredResource[];
  /** Group-versions whose resources could not be read; the others are complete. */
  failures: { groupVersion: string; error: Error }[];
}

export interface DiscoveredResource extends Resource {
  verbs: readonly string[];
  /** The words for it, lower case: plural, singular (may be empty), short names. */
  names: readonly string[];
}

export interface ReadLogOptions {
  /** Leave out for the pod's only or default container. */
  container?: string;
  /** The run before the present one. */
  previous?: boolean;
  /** Only the last lines. */
  tailLines?: number;
  /** No more than this many bytes, from the beginning of what was asked for. Default 1 MiB, and no more than 8 MiB. */
  limitBytes?: number;
}

/**
 * The one way in which controllers, capabilities and commands reach objects, on the embedded control plane and on any
 * cluster. Every method throws ApiError with the server's reason. Objects that come back must not be changed in place:
 * in process they are shared with the watch cache's other readers (they are deeply frozen in tests).
 */
export interface Client {
  /** The resource that serves a kind, from discovery (cached; a miss asks again). undefined while it is not installed. */
  resourceFor(apiVersion: string, kind: string): Promise<Resource | undefined>;
  /** Everything that is served now, asked afresh. */
  discover(): Promise<Discovered>;
  /** @param subresource gives that of the object: 'scale'. */
  get<T extends KubeObject = KubeObject>(resource: Resource, key: ObjectKey, subresource?: string): Promise<T>;
  /** Like get, but undefined when the object does not exist. */
  find<T extends KubeObject = KubeObject>(resource: Resource, key: ObjectKey): Promise<T | undefined>;
  list<T extends KubeObject = KubeObject>(resource: Resource, options?: ListOptions): Promise<ObjectList<T>>;
  watch<T extends KubeObject = KubeObject>(resource: Resource, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  create<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  update<T extends KubeObject>(resource: Resource, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends KubeObject = KubeObject>(
    resource: Resource,
    key: ObjectKey,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions,
  ): Promise<T>;
  /** Server-side apply. */
  apply<T extends KubeObject>(resource: Resource, object: T, options: ApplyOptions): Promise<T>;
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<void>;
  /** What a pod's container has written so far. */
  logs(pod: ObjectKey, options?: ReadLogOptions): Promise<string>;
  /** A subresource or review that is not an object of the resource's own kind: eviction, token, subjectaccessreviews. */
  post<T = unknown>(path: string, body: unknown): Promise<T>;
}
