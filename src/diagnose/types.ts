import type { ObjectKey } from '../client/index.ts';
import type { KubeObject } from '../machinery/index.ts';

/** Who can put a fault right: who wrote the object, who wrote the definition behind it, or who runs the machines. */
export type Fixer = 'developer' | 'owner' | 'platform';

/** The answer to "why?": what is wrong with an object, in one sentence, and where. */
export interface Diagnosis {
  healthy: boolean;
  /** One sentence in plain words. */
  cause: string;
  /** Where the fault really is: 'Pod/silly-demo-5d8f'. The object asked about when nothing is wrong. */
  object: string;
  /** The path of the field to change in the object asked about ('spec.tag'), or null when none of its fields is at fault. */
  field: string | null;
  fixableBy: Fixer | null;
  /** When the fault began, RFC 3339, or null while nothing is wrong. */
  since: string | null;
}

/** One run of a container. */
export interface ContainerRun {
  namespace: string;
  pod: string;
  container: string;
  /** The run before the present one: what a container that waits to be started again has left. */
  previous: boolean;
}

/** What pods use at the moment: billionths of a CPU, and bytes of memory. */
export interface TreeUsage {
  readonly cpu: number;
  readonly memory: number;
}

/** Where a diagnosis reads objects from: informers inside the platform, a Client in a command, maps in a test. */
export interface ObjectSource {
  /** undefined when the object, or its kind, is not there. */
  get(apiVersion: string, kind: string, key: ObjectKey): Promise<KubeObject | undefined>;
  /** Empty when the kind is not installed. */
  list(apiVersion: string, kind: string, namespace?: string): Promise<readonly KubeObject[]>;
  /** The objects whose owner references name this one. */
  owned(owner: KubeObject): Promise<readonly KubeObject[]>;
  /** Events about an object, in no particular order. */
  events(object: KubeObject): Promise<readonly KubeObject[]>;
  /** The last lines that a container wrote; none when they may not be read or are gone. */
  lastLog(run: ContainerRun): Promise<readonly string[]>;
}
