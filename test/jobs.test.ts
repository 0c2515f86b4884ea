// Jobs from their first pod to their last condition. What the containers do is in their arguments.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { addNode, type ControlPlane, startControlPlane } from '../src/envtest/index.ts';
import type { Fields, KubeObject } from '../src/machinery/index.ts';
import { pods, resource } from './support/cluster.ts';
import { run } from './support/run.ts';
import { scriptedKubelet } from './support/scripted-kubelet.ts';
import { tool } from './support/tools.ts';

const jobs = resource('batch', 'v1', 'jobs', 'Job');
const events = resource('', 'v1', 'events', 'Event');

let plane: ControlPlane;
let namespace = '';
beforeAll(async () => {
  plane = await startControlPlane({ controllers: 'all' });
  await addNode(plane.context, 'node');
  plane.run((context) => scriptedKubelet(context, script));
});
afterAll(() => plane.stop());
beforeEach(async () => {
  namespace = await plane.namespace('jobs');
});

const indexLabel = 'batch.kubernetes.io/job-completion-index';

/**
 * `exit 3`: ends with 3. `exit 3 at 0,2`: with 3 where the index is 0 or 2, else with 0. `run at 0` in the same way. Anything
 * else runs on.
 */
function script({ metadata, spec }: KubeObject): number | 'run' {
  const [container] = (spec?.['containers'] ?? []) as { args?: string[] }[];
  const [, code, indexes] = /^(?:exit (\d+)|run)(?: at (.*))?$/.exec(container?.args?.join(' ') ?? '') ?? [];
  if (indexes && !indexes.split(',').includes(metadata.labels?.[indexLabel] ?? '')) return 0;
  return code === undefined ? 'run' : Number(code);
}

async function create(args: string, spec: Fields = {}, template: Fields = {}, name = 'job'): Promise<KubeObject> {
  const containers = [{ name: 'main', image: 'main:1', args: args.split(' ') }];
  return await plane.client.create(jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: { ...spec, template: { ...template, spec: { restartPolicy: 'Never', containers } } },
  });
}

const key = () => ({ name: 'job', namespace });
const found = () => plane.client.get(jobs, key());
const podsThere = async () => (await plane.client.list(pods, { namespace })).items;
const change = (spec: Fields) => plane.client.patch(jobs, key(), 'merge', { spec });
const until = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 10_000, interval: 20 });

/** Waits for a status, without its times; conditions as 'type=status reason: message'. */
async function untilStatus(expected: Fields, conditions: string[] = []): Promise<KubeObject> {
  await until(async () => {
    const { status = {} } = await found();
    const { startTime: _, completionTime: __, conditions: said = [], ...counts } = status;
    expect((said as Fields[]).map(worded)).toEqual(conditions);
    expect(counts).toEqual({ ready: 0, terminating: 0, uncountedTerminatedPods: {}, ...expected });
  });
  return found();
}

async function untilEvent(text: string): Promise<void> {
  await until(async () => {
    const { items } = await plane.client.list(events, { namespace });
    expect(items.map((event) => `${event['type']} ${event['reason']}: ${event['message']}`)).toContain(text);
  });
}

const conditionsOf = (status: Fields | undefined) => (status?.['conditions'] ?? []) as Fields[];

const worded = ({ type, status, reason, message }: Fields): string => `${type}=${status} ${reason}: ${message}`;

const ended = (outcome: 'Complete' | 'Failed', reason: string, message: string): string[] => [
  `${outcome === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'}=True ${reason}: ${message}`,
  `${outcome}=True ${reason}: ${message}`,
];
const complete = ended('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods');

describe('a job', () => {
  test('runs to its completions, as kubectl sees it', async () => {
    const kubectl = async (...args: string[]) => {
      const env = { KUBECONFIG: plane.kubeconfigFile() };
      const outcome = await run(tool('kubectl'), ['-n', namespace, ...args], { env });
      expect(outcome.code, outcome.stderr).toBe(0);
      return outcome.stdout;
    };
    expect(await kubectl('create', 'job', 'job', '--image=main:1', '--', 'true')).toBe('job.batch/job created\n');
    await until(async () => expect((await found()).status).toMatchObject({ active: 1, ready: 1 }));
    await kubectl('delete', 'job', 'job');
    await until(async () => expect(await podsThere()).toEqual([]));

    await create('exit 0', { completions: 3, parallelism: 2 });
    await kubectl('wait', 'job/job', '--for=condition=Complete', '--timeout=20s');
    expect(await kubectl('get', 'job', 'job')).toMatch(
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\njob +Complete +3\/3 /,
    );
    const described = await kubectl('describe', 'job', 'job');
    expect(described).toContain('Pods Statuses:    0 Active (0 Ready) / 3 Succeeded / 0 Failed');
    expect(described).toMatch(/Normal +SuccessfulCreate .* job-controller +Created pod: job-/);
    expect(described).toMatch(/Normal +Completed .* job-controller +Job completed/);
    const { status } = await untilStatus({ succeeded: 3 }, complete);
    expect(Date.parse(String(status?.['completionTime']))).toBeGreaterThanOrEqual(
      Date.parse(String(status?.['startTime'])),
    );
    // What is counted may go: nothing holds the pods any more, and they stay to be looked at.
    const left = await podsThere();
    expect(left.map(({ metadata, status }) => [metadata.finalizers, status?.['phase']])).toEqual(
      Array(3).fill([undefined, 'Succeeded']),
    );
  });

  test('without a number of completions ends with the first success', async () => {
    await create('exit 0', { parallelism: 2 });
    await untilStatus({ succeeded: 2 }, complete);
  });

  test('gives each pod of an Indexed one its index, by name, label, annotation and variable', async () => {
    const labels = { app: 'indexed' };
    await create('exit 0', { completions: 3, parallelism: 2, completionMode: 'Indexed' }, { metadata: { labels } });
    await untilStatus({ succeeded: 3, completedIndexes: '0-2' }, complete);
    const made = (await podsThere()).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const [index, { metadata, spec }] of made.entries()) {
      expect(metadata.generateName).toBe(`job-${index}-`);
      expect(metadata.labels).toMatchObject({
        ...labels,
        [indexLabel]: `${index}`,
        'batch.kubernetes.io/job-name': 'job',
      });
      expect(metadata.annotations).toEqual({ [indexLabel]: `${index}` });
      expect(spec?.['hostname']).toBe(`job-${index}`);
      const fieldRef = { apiVersion: 'v1', fieldPath: `metadata.labels['${indexLabel}']` };
      expect(spec?.['containers']).toMatchObject([
        { env: [{ name: 'JOB_COMPLETION_INDEX', valueFrom: { fieldRef } }] },
      ]);
    }
    expect(made).toHaveLength(3);
  });

  test('fails when its pods fail too often', async () => {
    await create('exit 1', { backoffLimit: 2 });
    const message = 'Job has reached the specified backoff limit';
    await untilStatus({ failed: 3 }, ended('Failed', 'BackoffLimitExceeded', message));
    await untilEvent(`Warning BackoffLimitExceeded: ${message}`);
    expect(await podsThere()).toHaveLength(3);
  });

  test('fails when it is active for too long, and ends its pods', async () => {
    await create('sleep', { activeDeadlineSeconds: 1 });
    await untilStatus(
      { failed: 1 },
      ended('Failed', 'DeadlineExceeded', 'Job was active longer than specified deadline'),
    );
    await until(async () => expect(await podsThere()).toEqual([]));
  });

  test('says why it has no pods', async () => {
    await plane.client.create(resource('', 'v1', 'resourcequotas', 'ResourceQuota'), {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none', namespace },
      spec: { hard: { pods: '0' } },
    });
    await until(async () => {
      const quota = await plane.client.get(resource('', 'v1', 'resourcequotas', 'ResourceQuota'), {
        name: 'none',
        namespace,
      });
      expect(quota.status?.['hard']).toEqual({ pods: '0' });
    });
    await create('exit 0');
    await until(async () => {
      const { items } = await plane.client.list(events, { namespace });
      expect(items.map((event) => `${event['reason']}: ${event['message']}`).join()).toMatch(
        /FailedCreate: Error creating: pods "job-\w+" is forbidden: exceeded quota: none/,
      );
    });
    await untilStatus({});
  });

  test('lets its pods go with it', async () => {
    await create('sleep', { parallelism: 2, completions: 2 });
    await untilStatus({ active: 2, ready: 2 });
    await plane.client.delete(jobs, key(), { propagationPolicy: 'Background' });
    await until(async () => expect(await podsThere()).toEqual([]));
  });

  test('lets its pods be when they are to stay', async () => {
    await create('sleep');
    await untilStatus({ active: 1, ready: 1 });
    await plane.client.delete(jobs, key(), { propagationPolicy: 'Orphan' });
    await until(async () =>
      expect((await podsThere()).map(({ metadata }) => metadata.finalizers)).toEqual([undefined]),
    );
  });

  test('goes some time after its end, and its pods before it', async () => {
    await create('exit 0', { ttlSecondsAfterFinished: 1 });
    await untilStatus({ succeeded: 1 }, complete);
    await until(async () => expect(await plane.client.find(jobs, key())).toBeUndefined());
    expect(await podsThere()).toEqual([]);
  });

  test('of another controller is left to it', async () => {
    await create('exit 0', { managedBy: 'acme.dev/jobs' }, {}, 'foreign');
    await create('exit 0');
    await untilStatus({ succeeded: 1 }, complete);
    expect((await plane.client.get(jobs, { name: 'foreign', namespace })).status).toEqual({});
    expect(await podsThere()).toHaveLength(1);
  });
});

describe('a job that changes', () => {
  test('is suspended, which ends its pods without counting them, and starts anew', async () => {
    await create('sleep', { parallelism: 2, completions: 2 });
    await untilStatus({ active: 2, ready: 2 });
    const before = (await podsThere()).map(({ metadata }) => metadata.uid);
    await change({ suspend: true });
    await untilStatus({}, ['Suspended=True JobSuspended: Job suspended']);
    await untilEvent('Normal Suspended: Job suspended');
    expect((await found()).status?.['startTime']).toBeUndefined();
    await change({ suspend: false });
    const { status } = await untilStatus({ active: 2, ready: 2 }, ['Suspended=False JobResumed: Job resumed']);
    expect(status?.['startTime']).toBeDefined();
    await untilEvent('Normal Resumed: Job resumed');
    for (const { metadata } of await podsThere()) expect(before).not.toContain(metadata.uid);
  });

  test('runs fewer pods at once, and drops first what has come the least far', async () => {
    await create('sleep', { parallelism: 3, completions: 3 });
    await untilStatus({ active: 3, ready: 3 });
    await change({ parallelism: 1 });
    await untilStatus({ active: 1, ready: 1 });
  });

  test('of as many completions as it runs pods shrinks with them', async () => {
    const spec = { parallelism: 3, completions: 3, completionMode: 'Indexed' };
    await create('run at 0', spec);
    await untilStatus({ active: 1, ready: 1, succeeded: 2, completedIndexes: '1,2' });
    await change({ parallelism: 2, completions: 2 });
    await untilStatus({ active: 1, ready: 1, succeeded: 1, completedIndexes: '1' });
  });

  test('counts a pod that is deleted as failed', async () => {
    await create('sleep');
    await untilStatus({ active: 1, ready: 1 });
    for (const pod of await podsThere()) await plane.client.delete(pods, pod.metadata);
    await untilStatus({ failed: 1 });
  });

  test('does not count a pod that is deleted if its failure policy ignores how it ended', async () => {
    const rules = [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [137] } }];
    await create('sleep', { podFailurePolicy: { rules } });
    await untilStatus({ active: 1, ready: 1 });
    const [first] = await podsThere();
    if (first) await plane.client.delete(pods, first.metadata);
    await until(async () =>
      expect((await podsThere()).map(({ metadata }) => metadata.uid)).not.toContain(first?.metadata.uid),
    );
    await untilStatus({ active: 1, ready: 1 });
  });
});

describe('policies', () => {
  const rule = (action: string, exitCode: number) => ({ action, onExitCodes: { operator: 'In', values: [exitCode] } });

  test('fail the job at an exit code', async () => {
    await create('exit 42', { backoffLimit: 6, podFailurePolicy: { rules: [rule('Ignore', 7), rule('FailJob', 42)] } });
    await until(async () => expect(await podsThere()).toHaveLength(1));
    const [pod] = await podsThere();
    const message = `Container main for pod ${namespace}/${pod?.metadata.name} failed with exit code 42 matching FailJob rule at index 1`;
    await untilStatus({ failed: 1 }, ended('Failed', 'PodFailurePolicy', message));
    await untilEvent(`Warning PodFailurePolicy: ${message}`);
  });

  test('limit failures by index, and say which have failed', async () => {
    const limits = { completions: 3, parallelism: 3, completionMode: 'Indexed', backoffLimitPerIndex: 1 };
    await create('exit 1 at 1', limits);
    const told = ended('Failed', 'FailedIndexes', 'Job has failed indexes');
    await untilStatus({ succeeded: 2, failed: 2, completedIndexes: '0,2', failedIndexes: '1' }, told);
    const tries = (await podsThere()).filter(({ metadata }) => metadata.labels?.[indexLabel] === '1');
    const counts = tries.map(({ metadata }) => metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']);
    expect(counts.sort()).toEqual(['0', '1']);
  });

  test('give an index up at an exit code, and the job with too many of them', async () => {
    const limits = {
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 6,
      maxFailedIndexes: 1,
    };
    await create('exit 42 at 0,1', { ...limits, podFailurePolicy: { rules: [rule('FailIndex', 42)] } });
    const told = ended(
      'Failed',
      'MaxFailedIndexesExceeded',
      'Job has exceeded the specified maximal number of failed indexes',
    );
    await until(async () => {
      const { status } = await found();
      expect(status).toMatchObject({ failedIndexes: '0,1' });
      expect(conditionsOf(status).map(({ type, message }) => `${type} ${message}`)).toHaveLength(told.length);
    });
  });

  test('call a job a success before all of it is done', async () => {
    const successPolicy = { rules: [{ succeededIndexes: '1-2', succeededCount: 1 }] };
    await create('exit 1 at 0,1,3', { completions: 4, parallelism: 4, completionMode: 'Indexed', successPolicy });
    await until(async () => {
      const { status } = await found();
      expect(status).toMatchObject({ completedIndexes: '2' });
      const told = conditionsOf(status).map(({ type, reason, message }) => `${type} ${reason} ${message}`);
      expect(told).toEqual(
        ['SuccessCriteriaMet', 'Complete'].map((type) => `${type} SuccessPolicy Matched rules at index 0`),
      );
    });
  });
});

test('every pod is counted once, however often the control plane ends in between', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'homeport-jobs-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const at = { name: 'long', namespace: 'default' };
  const containers = [{ name: 'main', image: 'main:1', args: ['exit', '0'] }];
  const template = { spec: { restartPolicy: 'Never', nodeName: 'node', containers } };
  const spec = { completions: 40, parallelism: 4, template };
  const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: at, spec };
  const runUntil = async (share: number): Promise<void> => {
    const restarted = await startControlPlane({ dataDir, controllers: 'all' });
    try {
      restarted.run((context) => scriptedKubelet(context, script));
      if (share === 5) await restarted.apply(job);
      await restarted.until(jobs, at, (object) => Number(object?.status?.['succeeded'] ?? 0) >= share);
      if (share < 40) return;
      await restarted.until(jobs, at, (object) => object?.status?.['completionTime'] !== undefined);
      const { status } = await restarted.client.get(jobs, at);
      expect(status).toMatchObject({ succeeded: 40, uncountedTerminatedPods: {} });
      expect(status?.['failed']).toBeUndefined();
      const { items } = await restarted.client.list(pods, { namespace: 'default' });
      expect(items.map(({ metadata }) => metadata.finalizers)).toEqual(Array(40).fill(undefined));
    } finally {
      await restarted.stop();
    }
  };
  for (const share of [5, 15, 30, 40]) await runUntil(share);
});
