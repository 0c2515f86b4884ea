/** What something uses of a machine: CPU on average over a window of time, memory at its end. */
export interface MeasuredUsage {
  /** When the window ended, in milliseconds since the epoch. */
  readonly at: number;
  /** How long the window is, in milliseconds. */
  readonly window: number;
  /** Billionths of a CPU. */
  readonly cpu: number;
  /** The working set in bytes: what the kernel cannot take back at once. */
  readonly memory: number;
}

/** What an API server asks of a node agent about what its pods use. Nothing is measured unless somebody asks. */
export interface UsageSource {
  /** What the whole machine uses; undefined where that cannot be measured. */
  nodeUsage(): Promise<MeasuredUsage | undefined>;
  /** What each running container of a pod uses, by name; undefined for a pod that does not run here, or cannot be measured. */
  podUsage(pod: { namespace: string; pod: string }): Promise<ReadonlyMap<string, MeasuredUsage> | undefined>;
}
