import type { Condition, KubeObject } from '../../machinery/index.ts';
import { since } from './age.ts';
import { AGE, ageOf, column, formatSelector, NAME, NONE, table } from './table.ts';
import { type PodTemplate, TEMPLATE_COLUMNS, templateCells } from './templates.ts';

interface JobSpec extends PodTemplate {
  completions?: number;
  parallelism?: number;
  selector?: { matchLabels?: Record<string, string> };
}
interface JobStatus {
  succeeded?: number;
  startTime?: string;
  completionTime?: string;
  conditions?: Condition[];
}
type Job = KubeObject<JobSpec, JobStatus>;

export const jobPrinter = table<Job>(
  [
    NAME,
    column('Status', 'What the job is doing.'),
    column('Completions', 'Pods that have succeeded, of those wanted.'),
    column('Duration', 'Time from the start of the job to its completion, or until now.'),
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  (job, now) => [
    job.metadata.name,
    stateOf(job),
    completionsOf(job),
    durationOf(job, now),
    ageOf(job, now),
    ...templateCells(job.spec, formatSelector(job.spec?.selector)),
  ],
);

/** Conditions that name the state of a job, the first that is true; a deletion comes after the ends. */
const ENDS = ['Complete', 'Failed'];
const STATES = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'];

function stateOf({ metadata, status }: Job): string {
  const isTrue = (type: string): boolean =>
    status?.conditions?.find((condition) => condition.type === type)?.status === 'True';
  const end = ENDS.find(isTrue);
  if (end !== undefined) return end;
  if (metadata.deletionTimestamp) return 'Terminating';
  return STATES.find(isTrue) ?? 'Running';
}

function completionsOf({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationOf({ status }: Job, now: number): string {
  if (!status?.startTime) return '';
  return since(status.startTime, status.completionTime ? Date.parse(status.completionTime) : now);
}

interface CronJobSpec {
  schedule?: string;
  timeZone?: string;
  suspend?: boolean;
  jobTemplate?: { spec?: JobSpec };
}
interface CronJobStatus {
  active?: unknown[];
  lastScheduleTime?: string;
}

export const cronJobPrinter = table<KubeObject<CronJobSpec, CronJobStatus>>(
  [
    NAME,
    column('Schedule', 'When jobs are made, in cron syntax.'),
    column('Timezone', 'Time zone of the schedule.'),
    column('Suspend', 'True while no jobs are made.', 'boolean'),
    column('Active', 'Jobs that are running.', 'integer'),
    column('Last Schedule', 'Time since a job was last made.'),
    AGE,
    ...TEMPLATE_COLUMNS,
  ],
  (cronJob, now) => {
    const { spec, status } = cronJob;
    return [
      cronJob.metadata.name,
      spec?.schedule ?? '',
      spec?.timeZone ?? NONE,
      spec?.suspend === true ? 'True' : 'False',
      status?.active?.length ?? 0,
      status?.lastScheduleTime ? since(status.lastScheduleTime, now) : NONE,
      ageOf(cronJob, now),
      ...templateCells(spec?.jobTemplate?.spec, formatSelector(spec?.jobTemplate?.spec?.selector)),
    ];
  },
);
