import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { type KubeObject, keyOf, parseCron, type Schedule, zoneError } from '../../machinery/index.ts';
import type { Job } from '../job/types.ts';
import { ownerKeys } from '../owner-keys.ts';
import { cronJobs, jobs } from '../resources.ts';
import { type CronControl, type CronView, followJobs, trimHistory, writeStatus } from './active.ts';
import { type Due, dueOf, nextStartIn } from './due.ts';
import { jobName, startJob } from './start.ts';
import type { CronJob } from './types.ts';

/** What upstream says of a schedule that never comes. */
const NEVER = 'time difference between two schedules is less than 1 second';

/** Creates the Jobs of each CronJob when they are due, and keeps its status and its history. */
export function cronJobController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const cronInformer = informers.for(cronJobs);
  const jobInformer = informers.for(jobs);
  const control: CronControl = { client, recorder: context.recorder('cronjob-controller') };
  /** Until when a CronJob with a new schedule starts nothing: what would have been due by it in the past is not made up for. */
  const resting = new Map<string, number>();

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const cronJob = cronInformer.get(key) as CronJob | undefined;
    if (!cronJob?.spec) {
      resting.delete(key);
      return undefined;
    }
    const owned = jobInformer.byIndex('ownerUid', cronJob.metadata.uid ?? '') as Job[];
    const view: CronView = { cronJob, jobs: owned, status: { ...cronJob.status } };
    try {
      await trimHistory(control, view);
      await followJobs(control, view);
      return await startDue(key, view);
    } finally {
      await writeStatus(control, view);
    }
  }

  /** Starts what is due, and says when to look again. */
  async function startDue(key: string, view: CronView): Promise<ReconcileResult | undefined> {
    const schedule = activeSchedule(control, view.cronJob);
    if (!schedule) return undefined;
    const now = Date.now();
    const rest = (resting.get(key) ?? 0) - now;
    if (rest > 0) return { requeueAfter: rest };
    resting.delete(key);
    const due = dueOf(view.cronJob, schedule, now, true);
    if (!due) {
      const message = `invalid schedule: ${view.cronJob.spec?.schedule} : ${NEVER}`;
      control.recorder.event(view.cronJob, 'Warning', 'InvalidSchedule', message);
      return undefined;
    }
    const time = startable(view, due, now);
    if (time !== undefined) await startJob(control, view, time);
    const next = nextStartIn({ ...view.cronJob, status: view.status }, schedule, now);
    return next === undefined ? undefined : { requeueAfter: next };
  }

  /** The time of the job to start now, if any. */
  function startable({ cronJob, status }: CronView, { time, missed }: Due, now: number): number | undefined {
    if (time === undefined) return undefined;
    if (missed === 'many') {
      const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
      control.recorder.event(cronJob, 'Warning', 'TooManyMissedTimes', message);
    }
    const { startingDeadlineSeconds: deadline } = cronJob.spec ?? {};
    if (deadline !== undefined && time + deadline * 1000 < now) {
      const message = `Missed scheduled time to start a job: ${new Date(time).toUTCString().replace('GMT', '+0000')}`;
      control.recorder.event(cronJob, 'Warning', 'MissSchedule', message);
      return undefined;
    }
    const started =
      status.active?.some(({ name }) => name === jobName(cronJob, time)) ||
      Date.parse(status.lastScheduleTime ?? '') === time;
    return started ? undefined : time;
  }

  function ownKeys(object: KubeObject, { deleted, old }: { deleted: boolean; old?: KubeObject | undefined }): string[] {
    const [now, before] = [object, old] as [CronJob, CronJob | undefined];
    const key = keyOf(object);
    const changed =
      !deleted &&
      before &&
      (now.spec?.schedule !== before.spec?.schedule || now.spec?.timeZone !== before.spec?.timeZone);
    const schedule = changed ? parseCron(now.spec?.schedule ?? '', now.spec?.timeZone) : undefined;
    const next = schedule && typeof schedule !== 'string' ? schedule.next(Date.now()) : undefined;
    if (next !== undefined) resting.set(key, next);
    return [key];
  }

  return createController({
    name: 'cronjob-controller',
    context,
    sources: [
      { resource: cronJobs, keys: ownKeys },
      { resource: jobs, keys: ownerKeys({ informer: cronInformer }) },
    ],
    reconcile,
  });
}

/** The schedule of a CronJob that is to start jobs; what is wrong with it is told. */
function activeSchedule({ recorder }: CronControl, cronJob: CronJob): Schedule | undefined {
  const { schedule = '', timeZone, suspend } = cronJob.spec ?? {};
  if (cronJob.metadata.deletionTimestamp) return undefined;
  const wrong = timeZone === undefined ? undefined : zoneError(timeZone);
  if (wrong) {
    const message = `invalid timeZone: ${JSON.stringify(timeZone)}: ${wrong}`;
    recorder.event(cronJob, 'Warning', 'UnknownTimeZone', message);
    return undefined;
  }
  if (suspend) return undefined;
  if (schedule.includes('TZ')) {
    const more = 'see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details';
    const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(schedule)} is not officially supported, ${more}`;
    recorder.event(cronJob, 'Warning', 'UnsupportedSchedule', message);
  }
  const parsed = parseCron(schedule, timeZone);
  if (typeof parsed !== 'string') return parsed;
  const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${parsed}`;
  recorder.event(cronJob, 'Warning', 'UnparseableSchedule', message);
  return undefined;
}
