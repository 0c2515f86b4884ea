import type { Client, EventRecorder } from '../../client/index.ts';
import { equalJson } from '../../machinery/index.ts';
import { finishOf } from '../job/conditions.ts';
import type { Job } from '../job/types.ts';
import { ignoringAbsence } from '../refusals.ts';
import { cronJobs, jobs } from '../resources.ts';
import type { CronJob, CronJobStatus, JobReference } from './types.ts';

/** A CronJob and its jobs as one reconcile finds them. */
export interface CronView {
  cronJob: CronJob;
  readonly jobs: readonly Job[];
  /** What its status is going to be; the steps of a reconcile write to it. */
  status: CronJobStatus;
}

export interface CronControl {
  client: Client;
  recorder: EventRecorder;
}

/** Deletes the oldest of the jobs that have finished, beyond the limits of the history. */
export async function trimHistory(control: CronControl, view: CronView): Promise<void> {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = view.cronJob.spec ?? {};
  const limits = { Complete: successfulJobsHistoryLimit, Failed: failedJobsHistoryLimit };
  for (const [outcome, limit] of Object.entries(limits)) {
    if (limit === undefined) continue;
    const ended = view.jobs.filter((job) => finishOf(job)?.type === outcome && !job.metadata.deletionTimestamp);
    const oldest = ended.toSorted(byStart).slice(0, Math.max(0, ended.length - limit));
    for (const job of oldest) await deleteJob(control, view, job);
  }
}

/** Those that never started last. */
function byStart(a: Job, b: Job): number {
  const [first, second] = [a, b].map(({ status }) => Date.parse(status?.startTime ?? '') || Number.POSITIVE_INFINITY);
  if (first !== second) return (first ?? 0) < (second ?? 0) ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** Deletes a job and takes it off the list. Returns whether it could. */
export async function deleteJob({ client, recorder }: CronControl, view: CronView, job: Job): Promise<boolean> {
  const { name, uid = '' } = job.metadata;
  try {
    await client.delete(jobs, job.metadata, { propagationPolicy: 'Background', uid });
  } catch (error) {
    recorder.event(
      view.cronJob,
      'Warning',
      'FailedDelete',
      `Deleted job: ${error instanceof Error ? error.message : error}`,
    );
    return false;
  }
  forget(view.status, uid);
  recorder.event(view.cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`);
  return true;
}

function forget(status: CronJobStatus, uid: string | undefined): void {
  status.active = status.active?.filter((one) => one.uid !== uid);
}

const lists = (status: CronJobStatus | undefined, uid: string | undefined): boolean =>
  status?.active?.some((one) => one.uid === uid) ?? false;

/** Takes jobs off the list of active ones that have finished or gone, and notes the last success. */
export async function followJobs(control: CronControl, view: CronView): Promise<void> {
  for (const job of view.jobs) {
    if (finishOf(job)) noteEnd(control, view, job);
    else if (!lists(view.status, job.metadata.uid)) await noteUnexpected(control, view, job);
  }
  const known = new Set(view.jobs.map(({ metadata }) => metadata.uid));
  for (const reference of view.status.active ?? []) {
    if (known.has(reference.uid) || (await exists(control.client, reference))) continue;
    control.recorder.event(view.cronJob, 'Normal', 'MissingJob', `Active job went missing: ${reference.name}`);
    forget(view.status, reference.uid);
  }
}

function noteEnd({ recorder }: CronControl, { cronJob, status }: CronView, job: Job): void {
  const { name, uid } = job.metadata;
  const outcome = finishOf(job)?.type;
  if (lists(status, uid)) {
    forget(status, uid);
    recorder.event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${outcome}`);
  }
  const { completionTime } = job.status ?? {};
  if (outcome !== 'Complete' || completionTime === undefined) return;
  const last = Date.parse(status.lastSuccessfulTime ?? '') || 0;
  if (Date.parse(completionTime) > last) status.lastSuccessfulTime = completionTime;
}

/** A job that runs and is not on the list: the cache may only be behind, or somebody else made it. */
async function noteUnexpected({ client, recorder }: CronControl, view: CronView, job: Job): Promise<void> {
  const live = await client.find<CronJob>(cronJobs, view.cronJob.metadata);
  if (live && lists(live.status, job.metadata.uid)) {
    view.cronJob = live;
    view.status = { ...live.status };
    return;
  }
  const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`;
  recorder.event(view.cronJob, 'Warning', 'UnexpectedJob', message);
}

/** The cache may not have a job yet that was created a moment ago. */
async function exists(client: Client, { name, namespace, uid }: JobReference): Promise<boolean> {
  const job = await client.find(jobs, { name, ...(namespace ? { namespace } : {}) });
  return job?.metadata.uid === uid;
}

/** Writes the status if it differs from what is stored. */
export async function writeStatus({ client }: CronControl, { cronJob, status }: CronView): Promise<void> {
  const { active = [], ...times } = status;
  const wanted = active.length > 0 ? { active, ...times } : times;
  if (equalJson(wanted, cronJob.status ?? {})) return;
  await ignoringAbsence(client.update(cronJobs, { ...cronJob, status: wanted }, { subresource: 'status' }));
}
