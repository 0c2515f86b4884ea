import { createHistogram, family, type Histogram, histogramFamily, labelText } from '../../exposition.ts';
import type { AdmissionRequest } from '../request.ts';
import { WebhookDenial, WebhookFailure } from './call.ts';
import type { Hook } from './hooks.ts';

/** Upper bounds in seconds, and how metrics call the types: upstream's. */
const BOUNDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
export type WebhookType = 'admit' | 'validating';

/** Counts what webhooks were asked, and what they said, in the names and labels of kube-apiserver's metrics. */
export interface WebhookMetrics {
  /**
   * Notes a question that has been answered.
   * @param seconds how long that took.
   * @param error what came of it, if that is no yes.
   */
  observe(type: WebhookType, hook: Hook, request: AdmissionRequest, seconds: number, error?: unknown): void;
  render(): string;
}

export function createWebhookMetrics(): WebhookMetrics {
  const requests = new Map<string, number>();
  const rejections = new Map<string, number>();
  const failedOpen = new Map<string, number>();
  const durations = new Map<string, Histogram>();
  const count = (map: Map<string, number>, labels: string): void => void map.set(labels, (map.get(labels) ?? 0) + 1);
  return {
    observe(type, hook, { operation }, seconds, error) {
      const { name } = hook;
      const { code, kind } = verdictOf(error);
      const opens = error instanceof WebhookFailure && hook.ignoreFailure;
      const rejected = String(error !== undefined && !opens);
      count(requests, labelText({ code, name, operation, rejected, type }));
      if (opens) count(failedOpen, labelText({ name, type }));
      else if (error !== undefined) {
        count(rejections, labelText({ error_type: kind, name, operation, rejection_code: code, type }));
      }
      const labels = labelText({ name, operation, rejected, type });
      const histogram = durations.get(labels) ?? createHistogram(BOUNDS);
      durations.set(labels, histogram);
      histogram.observe(seconds);
    },
    render: () =>
      [
        histogramFamily(
          'apiserver_admission_webhook_admission_duration_seconds',
          'How long webhooks were asked.',
          durations,
        ),
        family('apiserver_admission_webhook_request_total', 'counter', 'Questions to webhooks.', requests),
        family('apiserver_admission_webhook_rejection_count', 'counter', 'Requests that fell to webhooks.', rejections),
        family('apiserver_admission_webhook_fail_open_count', 'counter', 'Webhooks that were passed over.', failedOpen),
      ].join(''),
  };
}

function verdictOf(error: unknown): { code: string; kind: string } {
  if (error === undefined) return { code: '200', kind: '' };
  // Whoever answers makes up the codes: that there are few of them is what keeps the series few.
  const bounded = (code: number): string => String(Math.min(600, code));
  if (error instanceof WebhookDenial) return { code: bounded(error.code), kind: 'no_error' };
  if (error instanceof WebhookFailure) return { code: bounded(error.code), kind: 'calling_webhook_error' };
  return { code: '0', kind: 'apiserver_internal_error' };
}
