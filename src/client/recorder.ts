import type { KubeObject } from '../machinery/index.ts';

/** Records Events about objects, merging repeats (count, lastTimestamp) so that a loop never floods the API. */
export interface EventRecorder {
  /** @param fieldPath the part of the object that it is about, such as 'spec.containers{web}'. */
  event(about: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
  /** Waits until everything recorded so far is written or given up. */
  flush(): Promise<void>;
}
