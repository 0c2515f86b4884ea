// CronJobs through kubectl. A job is due at once where the last one was long ago, so that nobody waits for the next minute.
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { addNode, type ControlPlane, startControlPlane } from '../src/envtest/index.ts';
import { type Fields, type KubeObject, timestamp } from '../src/machinery/index.ts';
import { resource } from './support/cluster.ts';
import { run } from './support/run.ts';
import { scriptedKubelet } from './support/scripted-kubelet.ts';
import { tool } from './support/tools.ts';

const cronJobs = resource('batch', 'v1', 'cronjobs', 'CronJob');
const jobs = resource('batch', 'v1', 'jobs', 'Job');
const events = resource('', 'v1', 'events', 'Event');

let plane: ControlPlane;
let namespace = '';
/** What the containers of the pods do. */
let outcome: number | 'run' = 0;
beforeAll(async () => {
  plane = await startControlPlane({ controllers: 'all' });
  await addNode(plane.context, 'node');
  plane.run((context) => scriptedKubelet(context, () => outcome));
});
afterAll(() => plane.stop());
beforeEach(async () => {
  namespace = await plane.namespace('cron');
  outcome = 0;
});

const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });
const key = () => ({ name: 'often', namespace });
const statusOf = async () => (await plane.client.get(cronJobs, key())).status ?? {};
const jobsThere = async () => (await plane.client.list(jobs, { namespace })).items;

async function kubectl(...args: string[]): Promise<string> {
  const env = { KUBECONFIG: plane.kubeconfigFile() };
  const { code, stdout, stderr } = await run(tool('kubectl'), ['-n', namespace, ...args], { env });
  expect(code, stderr).toBe(0);
  return stdout;
}

/** A CronJob whose last job was some minutes ago. */
async function overdue(minutes: number, spec: Fields = {}, jobSpec: Fields = {}): Promise<void> {
  const containers = [{ name: 'main', image: 'main:1' }];
  const jobTemplate = {
    metadata: { labels: { app: 'often' }, annotations: { team: 'a' } },
    spec: { template: { spec: { restartPolicy: 'Never', containers } }, ...jobSpec },
  };
  const metadata = key();
  const suspended = { schedule: '* * * * *', jobTemplate, ...spec, suspend: true };
  await plane.client.create(cronJobs, { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: suspended });
  await lastWas(minutes);
  await plane.client.patch(cronJobs, key(), 'merge', { spec: { suspend: false } });
}

/** The schedule of every day at the time that it was so many minutes ago. */
function daily(minutes: number): string {
  const then = new Date(Date.now() - minutes * 60_000);
  return `${then.getUTCMinutes()} ${then.getUTCHours()} * * *`;
}

async function lastWas(minutes: number): Promise<void> {
  const lastScheduleTime = timestamp(Date.now() - minutes * 60_000);
  await plane.client.patch(cronJobs, key(), 'merge', { status: { lastScheduleTime } }, { subresource: 'status' });
}

async function untilEvents(...expected: (string | RegExp)[]): Promise<void> {
  await until(async () => {
    const { items } = await plane.client.list(events, { namespace });
    const told = items.map((event) => `${event['type']} ${event['reason']}: ${event['message']}`);
    for (const text of expected) expect(told).toContainEqual(expect.stringMatching(text));
  });
}

test('starts a job for the minute that was due, and remembers its success', async () => {
  outcome = 'run';
  await overdue(2, { timeZone: 'Asia/Kolkata' });
  let job: KubeObject | undefined;
  await until(async () => {
    [job] = await jobsThere();
    expect(await statusOf()).toMatchObject({
      active: [{ apiVersion: 'batch/v1', kind: 'Job', name: job?.metadata.name, namespace }],
    });
  });
  const started = Date.parse(String((await statusOf())['lastScheduleTime']));
  expect(started % 60_000).toBe(0);
  expect(job?.metadata).toMatchObject({
    name: `often-${started / 60_000}`,
    labels: { app: 'often' },
    annotations: { team: 'a' },
  });
  expect(job?.metadata.ownerReferences).toMatchObject([{ kind: 'CronJob', name: 'often', controller: true }]);
  const local = timestamp(started + 5.5 * 3_600_000).replace('Z', '+05:30');
  expect(job?.metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp']).toBe(local);
  expect(await kubectl('get', 'cronjob', 'often')).toMatch(
    /\noften +\* \* \* \* \* +Asia\/Kolkata +False +1 +\d+s +\d+s\n/,
  );

  const podsThere = async () => (await plane.client.list(resource('', 'v1', 'pods', 'Pod'), { namespace })).items;
  await until(async () => expect((await podsThere())[0]?.status).toMatchObject({ phase: 'Running' }));
  outcome = 0;
  await kubectl('label', 'pods', '--all', 'look=again');
  await until(async () => {
    const status = await statusOf();
    expect(status['active']).toBeUndefined();
    expect(status['lastSuccessfulTime']).toBeDefined();
  });
  await untilEvents(
    /Normal SuccessfulCreate: Created job often-\d+/,
    /Normal SawCompletedJob: Saw completed job: often-\d+, condition: Complete/,
  );
});

test('starts nothing that is late by more than it may be', async () => {
  await overdue(200, { schedule: daily(100), timeZone: 'Etc/UTC', startingDeadlineSeconds: 30 });
  await plane.settled();
  expect(await jobsThere()).toEqual([]);
});

test('makes up for one of many starts that it missed, and wonders', async () => {
  await overdue(60 * 24);
  const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew';
  await untilEvents(`Warning TooManyMissedTimes: ${message}`);
  await until(async () => expect(await jobsThere()).toHaveLength(1));
});

test('does not disturb a job that runs, if that is forbidden', async () => {
  outcome = 'run';
  await overdue(20, { schedule: '@every 10m', concurrencyPolicy: 'Forbid' });
  await until(async () => expect((await statusOf())['active']).toHaveLength(1));
  await lastWas(15);
  const message = 'Not starting job because prior execution is running and concurrency policy is Forbid';
  await untilEvents(`Normal JobAlreadyActive: ${message}`);
  expect(await jobsThere()).toHaveLength(1);
});

test('replaces a job that runs, if it is to', async () => {
  outcome = 'run';
  await overdue(20, { schedule: '@every 10m', concurrencyPolicy: 'Replace' });
  await until(async () => expect((await statusOf())['active']).toHaveLength(1));
  const [first] = await jobsThere();
  await lastWas(15);
  await until(async () => {
    const [second, ...more] = await jobsThere();
    expect(more).toEqual([]);
    expect(second?.metadata.uid).not.toBe(first?.metadata.uid);
    expect((await statusOf())['active']).toMatchObject([{ uid: second?.metadata.uid }]);
  });
  await untilEvents(`Normal SuccessfulDelete: Deleted job ${first?.metadata.name}`);
});

test('keeps as much of its history as it is told to', async () => {
  outcome = 1;
  await overdue(2, { failedJobsHistoryLimit: 0 }, { backoffLimit: 0 });
  await untilEvents(/Normal SuccessfulDelete: Deleted job often-\d+/);
  await until(async () => expect(await jobsThere()).toEqual([]));
  expect((await statusOf())['active']).toBeUndefined();
});

test('can be told to start a job now, and finds that unexpected', async () => {
  outcome = 'run';
  await kubectl('create', 'cronjob', 'often', '--image=main:1', '--schedule=0 0 1 1 *');
  expect(await kubectl('create', 'job', 'now', '--from=cronjob/often')).toBe('job.batch/now created\n');
  await untilEvents('Warning UnexpectedJob: Saw a job that the controller did not create or forgot: now');
  const [job] = await jobsThere();
  expect(job?.metadata.annotations).toMatchObject({ 'cronjob.kubernetes.io/instantiate': 'manual' });
});

test('does not make up for times that a new schedule would have had', async () => {
  await overdue(200, { schedule: '0 0 1 1 *' });
  await plane.client.patch(cronJobs, key(), 'merge', { spec: { schedule: daily(100), timeZone: 'Etc/UTC' } });
  await plane.settled();
  expect(await jobsThere()).toEqual([]);
});

test('says that its schedule never comes', async () => {
  await overdue(1, { schedule: '59 23 31 2 *' });
  const message = 'invalid schedule: 59 23 31 2 [*] : time difference between two schedules is less than 1 second';
  await untilEvents(new RegExp(`Warning InvalidSchedule: ${message}`));
});

test('takes its jobs along when it is deleted', async () => {
  outcome = 'run';
  await overdue(2);
  await until(async () => expect(await jobsThere()).toHaveLength(1));
  await kubectl('delete', 'cronjob', 'often');
  await until(async () => expect(await jobsThere()).toEqual([]));
});
