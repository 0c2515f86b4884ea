import type { Logger } from 'pino';
import type { KubeObject, Resource } from '../machinery/index.ts';
import type { Client } from './client.ts';
import type { Informers } from './informer.ts';
import type { EventRecorder } from './recorder.ts';

/** What every controller and capability is given. */
export interface PlatformContext {
  readonly client: Client;
  /** Shared informers: one watch a resource for the whole process. */
  readonly informers: Informers;
  readonly log: Logger;
  /** A recorder of Events in the name of a component ('deployment-controller'); `host` is the node of one that runs on each. */
  recorder(component: string, host?: string): EventRecorder;
}

/** A running loop. `start` returns at once; `stop` resolves when nothing of it runs any more. */
export interface Controller {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
  /** Left out by loops that cannot tell. */
  readonly activity?: ControllerActivity;
}

/** Whether a controller has anything left to do: for those who wait until it has not. */
export interface ControllerActivity {
  /**
   * Resolves when no key is queued, in work or being retried. Keys that asked to be called again later do not count. What
   * the informers have yet to deliver is not known here.
   */
  settled(): Promise<void>;
  /** What stands in the way: the keys, each with the error of its last reconcile, if it failed. */
  unsettled(): { key: string; error?: unknown }[];
}

/** A controller whose sources may grow while it runs: for resources that are only known at run time. */
export interface DynamicController extends Controller {
  /** Reconciles what the source's objects map to from now on. Returns the way to end that. */
  addSource(source: ControllerSource): () => void;
  /** Reconciles a key as if a source had named it. */
  enqueue(key: string): void;
}

/** What a reconcile asks for: nothing, or to be called again after this many milliseconds. */
export interface ReconcileResult {
  requeueAfter?: number;
}

/** A resource whose changes trigger reconciles, and the keys ('namespace/name') that a changed object maps to. */
export interface ControllerSource {
  resource: Resource;
  /** `keys` and the reconcile need no more of the objects than their metadata. */
  metadataOnly?: boolean;
  /** Defaults to the object's own key. Called with the object as it is now (or was last, when `deleted`). */
  keys?: (object: KubeObject, change: { deleted: boolean; old?: KubeObject }) => Iterable<string>;
}

export interface ControllerOptions {
  name: string;
  context: PlatformContext;
  sources: readonly ControllerSource[];
  /** Level-triggered and idempotent. A throw is logged and retried with exponential back-off (5 ms to 1,000 s, a Conflict at once). */
  reconcile: (key: string) => Promise<ReconcileResult | undefined>;
  /** Reconciles at the same time, never two of one key. Default 4. */
  workers?: number;
}
