/** A kind that the API server serves. */
export interface UnhandledKind {
  readonly group: string;
  readonly kind: string;
}

/**
 * The kinds of workloads that no controller here acts on yet: their objects are stored, and that is all. Whoever adds
 * the controller of one takes its line away.
 */
export const unhandledKinds: readonly UnhandledKind[] = [];
