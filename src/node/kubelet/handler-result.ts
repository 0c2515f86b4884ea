/** What came of a handler. */
export interface HandlerResult {
  /** `warning` is a success worth an Event; `error`: it could not be found out. */
  outcome: 'success' | 'warning' | 'failure' | 'error';
  /** What came of it, in the kubelet's words. */
  output: string;
}
