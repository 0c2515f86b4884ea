import { countIndexes } from '../../machinery/index.ts';
import { announcements, trueCondition, type Verdict } from './conditions.ts';
import { hasFailed } from './pods.ts';
import { matchFailure, matchSuccess } from './policies.ts';
import type { JobView } from './view.ts';

/**
 * Whether the job's end is decided, apart from its having reached its completions. What was announced before stays so; then
 * failures come before success, as a job may meet several criteria at once.
 */
export function verdictOf(view: JobView): Verdict | undefined {
  return announced(view) ?? failure(view) ?? failureOfIndexes(view) ?? success(view);
}

function announced({ status: { conditions = [] } }: JobView): Verdict | undefined {
  for (const outcome of ['Complete', 'Failed'] as const) {
    const found = trueCondition(conditions, announcements[outcome]);
    if (found) return { outcome, reason: found.reason ?? '', message: found.message ?? '' };
  }
  return undefined;
}

function failed(reason: string, message: string): Verdict {
  return { outcome: 'Failed', reason, message };
}

function failure(view: JobView): Verdict | undefined {
  const { spec, pods } = view;
  if (spec.podFailurePolicy) {
    for (const pod of pods) {
      const { message } = hasFailed(pod, spec) ? matchFailure(spec, pod) : {};
      if (message !== undefined) return failed('PodFailurePolicy', message);
    }
  }
  if (view.failed > (spec.backoffLimit ?? 6) || restartsTooOften(view)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  }
  if ((deadlineIn(view) ?? 1) <= 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline');
  }
  return undefined;
}

/** Containers that are restarted in place count as failures do. */
function restartsTooOften({ spec, pods }: JobView): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  let restarts = 0;
  for (const { status } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue;
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const { restartCount = 0 } of containers) restarts += restartCount;
  }
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until the job may be active no longer; undefined without a deadline, and while it is suspended. */
export function deadlineIn({ spec, status, now }: JobView): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || spec.suspend || !status.startTime) return undefined;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - now;
}

function failureOfIndexes({ spec, indexes }: JobView): Verdict | undefined {
  if (!indexes?.failed) return undefined;
  const count = countIndexes(indexes.failed);
  if (spec.maxFailedIndexes !== undefined && count > spec.maxFailedIndexes) {
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  }
  if (count > 0 && count + countIndexes(indexes.succeeded) >= (spec.completions ?? 0)) {
    return failed('FailedIndexes', 'Job has failed indexes');
  }
  return undefined;
}

function success({ spec, indexes }: JobView): Verdict | undefined {
  const message = indexes && matchSuccess(spec, indexes.succeeded);
  return message === undefined ? undefined : { outcome: 'Complete', reason: 'SuccessPolicy', message };
}

/** The verdict on a job that has reached its completions and of which nothing runs any more. */
export function completion({ spec, succeeded, status }: JobView): Verdict | undefined {
  const reached = spec.completions === undefined ? succeeded > 0 : succeeded >= spec.completions;
  if (!reached || (status.active ?? 0) > 0) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return { outcome: 'Complete', reason: 'CompletionsReached', message };
}
