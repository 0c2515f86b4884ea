// What the controller of CronJobs reads and writes of them (batch/v1).
import type { KubeObject, ObjectMeta } from '../../machinery/index.ts';
import type { JobSpec } from '../job/types.ts';

export type CronJobSpec = {
  schedule: string;
  timeZone?: string;
  startingDeadlineSeconds?: number;
  concurrencyPolicy?: 'Allow' | 'Forbid' | 'Replace';
  suspend?: boolean;
  jobTemplate: { metadata?: Partial<ObjectMeta>; spec: JobSpec };
  successfulJobsHistoryLimit?: number;
  failedJobsHistoryLimit?: number;
};

/** core/v1 ObjectReference to a Job. */
export type JobReference = {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
};

export type CronJobStatus = {
  active?: JobReference[];
  lastScheduleTime?: string;
  lastSuccessfulTime?: string;
};

export type CronJob = KubeObject<CronJobSpec, CronJobStatus>;
