import type { KubeObject, Resource } from '../machinery/index.ts';

export interface InformerHandler {
  /** `old` is undefined for an addition. */
  upsert?(object: KubeObject, old: KubeObject | undefined): void;
  remove?(object: KubeObject): void;
}

/** A local, watched copy of all objects of one resource. Objects in it are shared: never change one in place. */
export interface Informer {
  readonly resource: Resource;
  /** Resolves when the first full list is in. */
  readonly synced: Promise<void>;
  get(key: string): KubeObject | undefined;
  list(namespace?: string): KubeObject[];
  /** Objects whose index function gave this value. The index is kept up to date incrementally. */
  byIndex(index: string, value: string): KubeObject[];
  addIndex(index: string, values: (object: KubeObject) => Iterable<string>): void;
  /** Adds a handler; it sees every object that is already there as an addition. Returns the way to remove it. */
  addHandler(handler: InformerHandler): () => void;
}

/** The informers of a process: each resource is watched once, whoever asks. */
export interface Informers {
  /**
   * Starts the informer on first use. Every informer has the indexes 'ownerUid' and 'namespace'.
   * @param metadataOnly the objects need no more than apiVersion, kind and metadata: they take little memory then, unless
   * somebody follows the whole objects already.
   */
  for(resource: Resource, metadataOnly?: boolean): Informer;
  /**
   * Says that a resource is not served any more: its watch ends with its last handler, instead of asking for ever. Asking
   * for the resource again takes it back.
   */
  release(resource: Resource): void;
  stop(): Promise<void>;
}
