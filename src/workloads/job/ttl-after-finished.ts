import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { splitKey } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { jobs } from '../resources.ts';
import { finishOf } from './conditions.ts';
import type { Job } from './types.ts';

/** Deletes each Job, and its pods before it, ttlSecondsAfterFinished after its end (KEP-592). */
export function ttlAfterFinishedController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const informer = informers.for(jobs);

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const left = timeLeft(informer.get(key) as Job | undefined);
    if (left === undefined) return undefined;
    if (left > 0) return { requeueAfter: left };
    // The cache may not know yet that the job was given a longer life.
    const { namespace = '', name } = splitKey(key);
    const job = await client.find<Job>(jobs, { namespace, name });
    const really = timeLeft(job);
    if (!job || really === undefined) return undefined;
    if (really > 0) return { requeueAfter: really };
    const { uid = '' } = job.metadata;
    await ignoringAbsence(client.delete(jobs, job.metadata, { propagationPolicy: 'Foreground', uid }));
    return undefined;
  }

  return createController({
    name: 'ttl-after-finished-controller',
    context,
    sources: [{ resource: jobs }],
    reconcile,
  });
}

/** The milliseconds that a job has left; undefined for one that stays. */
function timeLeft(job: Job | undefined): number | undefined {
  const ttl = job?.spec?.ttlSecondsAfterFinished;
  const end = job && finishOf(job)?.lastTransitionTime;
  if (ttl === undefined || end === undefined || job?.metadata.deletionTimestamp) return undefined;
  return Date.parse(end) + ttl * 1000 - Date.now();
}
