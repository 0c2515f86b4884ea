import { controllerOf, isReason, ownerReferenceTo, timestamp, zoneOffset } from '../../machinery/index.ts';
import type { Job } from '../job/types.ts';
import { isNamespaceTerminating } from '../refusals.ts';
import { jobs } from '../resources.ts';
import { type CronControl, type CronView, deleteJob } from './active.ts';
import type { CronJob, JobReference } from './types.ts';

const MINUTE = 60_000;

/** The name of the job that starts at a time: the same for the same minute, so that none starts twice. */
export function jobName({ metadata }: CronJob, time: number): string {
  return `${metadata.name}-${Math.floor(time / MINUTE)}`;
}

/** Starts the job that is due, unless its predecessors may not be disturbed. */
export async function startJob(control: CronControl, view: CronView, time: number): Promise<void> {
  const { recorder } = control;
  const { cronJob, status } = view;
  const policy = cronJob.spec?.concurrencyPolicy;
  if (policy === 'Forbid' && (status.active ?? []).length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
    recorder.event(cronJob, 'Normal', 'JobAlreadyActive', message);
    return;
  }
  if (policy === 'Replace') await replaceActive(control, view);
  const job = (await createJob(control, cronJob, time)) ?? (await ownJob(control, cronJob, time));
  if (!job || status.active?.some(({ uid }) => uid === job.metadata.uid)) return;
  status.active = [...(status.active ?? []), referenceTo(job)];
  status.lastScheduleTime = timestamp(time);
}

/** undefined if there is a job of that name already. */
async function createJob({ client, recorder }: CronControl, cronJob: CronJob, time: number): Promise<Job | undefined> {
  try {
    const job = await client.create(jobs, jobOf(cronJob, time));
    recorder.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${job.metadata.name}`);
    return job;
  } catch (error) {
    if (isReason(error, 'AlreadyExists')) return undefined;
    if (!isNamespaceTerminating(error)) {
      const message = `Error creating job: ${error instanceof Error ? error.message : error}`;
      recorder.event(cronJob, 'Warning', 'FailedCreate', message);
    }
    throw error;
  }
}

/** The job of that time, if it is the CronJob's: the status could not be written after it was created. */
async function ownJob({ client }: CronControl, cronJob: CronJob, time: number): Promise<Job | undefined> {
  const { namespace, uid } = cronJob.metadata;
  const job = await client.find<Job>(jobs, { name: jobName(cronJob, time), ...(namespace ? { namespace } : {}) });
  return job && controllerOf(job)?.uid === uid ? job : undefined;
}

async function replaceActive(control: CronControl, view: CronView): Promise<void> {
  const { client, recorder } = control;
  for (const { name, namespace } of view.status.active ?? []) {
    let job: Job;
    try {
      job = await client.get(jobs, { name, ...(namespace ? { namespace } : {}) });
    } catch (error) {
      recorder.event(
        view.cronJob,
        'Warning',
        'FailedGet',
        `Get job: ${error instanceof Error ? error.message : error}`,
      );
      throw error;
    }
    if (!(await deleteJob(control, view, job))) throw new Error(`could not replace job ${namespace}/${name}`);
  }
}

function jobOf(cronJob: CronJob, time: number): Job {
  const { jobTemplate, timeZone = 'UTC' } = cronJob.spec ?? {};
  const { metadata = {}, spec } = jobTemplate ?? {};
  const scheduled = { 'batch.kubernetes.io/cronjob-scheduled-timestamp': localTimestamp(time, timeZone) };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, time),
      ...(cronJob.metadata.namespace ? { namespace: cronJob.metadata.namespace } : {}),
      labels: metadata.labels ?? {},
      annotations: { ...metadata.annotations, ...scheduled },
      ownerReferences: [ownerReferenceTo(cronJob)],
    },
    ...(spec ? { spec } : {}),
  };
}

/** RFC 3339 with the offset of a zone: 2026-03-01T02:00:00+01:00. */
function localTimestamp(time: number, timeZone: string): string {
  const minutes = Math.round(zoneOffset(timeZone)(time) / MINUTE);
  if (minutes === 0) return timestamp(time);
  const [hour, minute] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((part) =>
    `${part}`.padStart(2, '0'),
  );
  return `${timestamp(time + minutes * MINUTE).slice(0, -1)}${minutes < 0 ? '-' : '+'}${hour}:${minute}`;
}

function referenceTo({ apiVersion, kind, metadata }: Job): JobReference {
  const { name, namespace, uid, resourceVersion } = metadata;
  return { apiVersion, kind, name, namespace, uid, resourceVersion };
}
