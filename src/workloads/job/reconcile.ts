import type { ReconcileResult } from '../../client/index.ts';
import { timestamp } from '../../machinery/index.ts';
import { type Verdict, withStated } from './conditions.ts';
import { managePods, removeActive } from './manage.ts';
import { type Tracker, trackPods } from './track.ts';
import type { Job } from './types.ts';
import { completion, deadlineIn, verdictOf } from './verdict.ts';
import type { JobView } from './view.ts';

interface Step {
  verdict?: Verdict | undefined;
  failure?: Error | undefined;
  wait?: number | undefined;
  /** What the status says only from now on, to be told once it does. */
  event?: { reason: string; message: string } | undefined;
}

/**
 * Takes the job's next step: ends it if that is decided, otherwise creates and deletes pods, and counts those that have ended.
 * @param upToDate whether the cache shows every pod that was created or deleted for the job.
 */
export async function advanceJob(
  tracker: Tracker,
  view: JobView,
  upToDate: boolean,
): Promise<{ finished: boolean; result: ReconcileResult | undefined }> {
  const decided = verdictOf(view);
  const deadline = decided ? undefined : deadlineIn(view);
  const step = decided ? await endJob(tracker, view, decided, upToDate) : await runJob(tracker, view, upToDate);
  const finished = await trackPods(tracker, view, step.verdict);
  if (step.event) tracker.recorder.event(view.job, 'Normal', step.event.reason, step.event.message);
  if (finished && step.verdict) tellOutcome(tracker, view.job, step.verdict);
  if (step.failure) throw step.failure;
  const waits = [deadline, step.wait].filter((wait) => wait !== undefined);
  return { finished, result: waits.length > 0 && !finished ? { requeueAfter: Math.min(...waits) } : undefined };
}

/** The verdict stands only when nothing is left active, and nothing that the cache does not show. */
async function endJob(tracker: Tracker, view: JobView, decided: Verdict, upToDate: boolean): Promise<Step> {
  const removed = await removeActive(tracker, view);
  if (removed instanceof Error) return { failure: removed };
  return removed && upToDate ? { verdict: decided } : {};
}

async function runJob(tracker: Tracker, view: JobView, upToDate: boolean): Promise<Step> {
  const manages = upToDate && !view.job.metadata.deletionTimestamp;
  const { failure, wait } = manages ? await managePods(tracker, view) : {};
  const verdict = completion(view);
  return { verdict, failure, wait, event: manages && !verdict ? noteSuspension(view) : undefined };
}

/**
 * Says in the status whether the job is suspended, once it was. A job that is resumed starts anew: its old start goes when it
 * is suspended, since API servers (1.34) let nobody change the start of one that is not.
 */
function noteSuspension({ spec, status, now }: JobView): Step['event'] {
  const [reason, message] = spec.suspend ? ['JobSuspended', 'Job suspended'] : ['JobResumed', 'Job resumed'];
  const stated = { type: 'Suspended', status: spec.suspend ? 'True' : 'False', reason, message } as const;
  const conditions = withStated(status.conditions ?? [], stated);
  if (!conditions) return undefined;
  status.conditions = conditions;
  if (spec.suspend) delete status.startTime;
  else status.startTime ??= timestamp(now);
  return { reason: spec.suspend ? 'Suspended' : 'Resumed', message };
}

function tellOutcome({ recorder }: Tracker, job: Job, { outcome, reason, message }: Verdict): void {
  if (outcome === 'Failed') {
    recorder.event(job, 'Warning', reason, message);
    return;
  }
  const { completions } = job.spec ?? {};
  if (completions !== undefined && (job.status?.succeeded ?? 0) > completions) {
    const surplus = 'Too many succeeded pods running after completion count reached';
    recorder.event(job, 'Warning', 'TooManySucceededPods', surplus);
  }
  recorder.event(job, 'Normal', 'Completed', 'Job completed');
}

/** Whether another controller answers for the job (KEP-4368). */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec?.managedBy !== undefined && spec.managedBy !== 'kubernetes.io/job-controller';
}
