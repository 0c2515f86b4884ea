import { describe, expect, it } from 'vitest';
import { type App, app, at, event, later, make, waiting, why, wrongImage } from './fixtures.ts';

describe('the cause that diagnose gives', () => {
  it('blames a probe that keeps failing, and gives a program that only just started its time', async () => {
    const options: App = {
      container: { readinessProbe: { httpGet: { path: '/healthz', port: 9999 } } },
      containerStatus: { state: { running: { startedAt: at } } },
    };
    const { deployment, pod, all } = app(options);
    const message = 'Readiness probe failed: connect ECONNREFUSED';
    expect(await why(deployment, [...all, event(pod, 'Unhealthy', message)])).toMatchObject({
      healthy: false,
      fixableBy: null,
      cause:
        'not ready yet: waiting for container main to become ready: the readiness probe of container main (port 9999/healthz) fails: connect ECONNREFUSED',
    });
    expect(await why(deployment, [...all, event(pod, 'Unhealthy', message, '2024-05-01T10:03:00Z')])).toMatchObject({
      cause:
        'the readiness probe of container main (port 9999/healthz) fails: connect ECONNREFUSED: change spec.template.spec.containers[0].readinessProbe.httpGet.port, or the program',
      since: at,
    });
  });

  it('blames the probe for a program that was ended because of it, whatever its exit code', async () => {
    const { deployment, pod, all } = app({
      container: { livenessProbe: { httpGet: { path: '/', port: 9090 } } },
      containerStatus: {
        ...waiting('CrashLoopBackOff', 'back-off 10s restarting failed container'),
        lastState: { terminated: { exitCode: 0, reason: 'Completed', finishedAt: later } },
        restartCount: 2,
      },
    });
    const events = [
      event(pod, 'Unhealthy', 'Liveness probe failed: connect ECONNREFUSED'),
      event(pod, 'Killing', 'Container main failed liveness probe, will be restarted'),
    ];
    expect(await why(deployment, [...all, ...events])).toMatchObject({
      cause: expect.stringContaining('the liveness probe of container main (port 9090/) fails: connect ECONNREFUSED'),
      field: 'spec.template.spec.containers[0].livenessProbe.httpGet.port',
    });
    expect((await why(deployment, all)).cause).toContain('ended with exit code 0');
  });

  it('gives a program that was restarted for a probe no new time to start', async () => {
    const { deployment, pod, all } = app({
      container: { readinessProbe: { httpGet: { path: '/', port: 9090 } } },
      containerStatus: {
        state: { running: { startedAt: later } },
        lastState: { terminated: { exitCode: 0, startedAt: at, finishedAt: later } },
        restartCount: 1,
      },
    });
    const failing = event(pod, 'Unhealthy', 'Readiness probe failed: connect ECONNREFUSED');
    expect(await why(deployment, [...all, failing])).toMatchObject({ healthy: false, fixableBy: 'developer' });
  });

  it('leaves out what the pods of an earlier version suffer from', async () => {
    const revision = 'deployment.kubernetes.io/revision';
    const { deployment, all } = app(wrongImage);
    const with2 = { ...deployment, metadata: { ...deployment.metadata, annotations: { [revision]: '2' } } };
    const marked = (number: string) =>
      all.map((object) => {
        if (object.kind === 'Deployment') return with2;
        if (object.kind !== 'ReplicaSet') return object;
        return { ...object, metadata: { ...object.metadata, annotations: { [revision]: number } } };
      });
    expect((await why(with2, marked('2'))).cause).toContain('does not exist');
    expect((await why(with2, marked('1'))).cause).not.toContain('does not exist');
  });

  it('names the field of a definition that is refused', async () => {
    const message =
      'spec.schema.kind: Application of kro.run is defined by ResourceGraphDefinition/application already';
    const conditions = [{ type: 'Ready', status: 'False', reason: 'NotReady', message }];
    const definition = make('kro.run/v1alpha1', 'ResourceGroup', 'application', {
      status: { state: 'Inactive', conditions },
    });
    expect(await why(definition, [definition])).toMatchObject({
      healthy: false,
      field: 'spec.schema.kind',
      fixableBy: 'developer',
    });
  });

  it('finds a volume whose ConfigMap is missing in Events', async () => {
    const { deployment, pod, all } = app({
      podSpec: { volumes: [{ name: 'v', configMap: { name: 'gone' } }] },
      podStatus: {
        phase: 'Pending',
        containerStatuses: [{ name: 'main', ready: false, ...waiting('ContainerCreating', '') }],
      },
    });
    const mount = event(pod, 'FailedMount', 'MountVolume.SetUp failed for volume "v" : configmap "gone" not found');
    expect(await why(deployment, [...all, mount])).toMatchObject({
      cause: 'ConfigMap gone does not exist: create it or change spec.template.spec.volumes[0].configMap.name',
    });
  });

  it('prefers the cause to what follows from it', async () => {
    const { deployment, all } = app({
      ...wrongImage,
      deploymentStatus: {
        conditions: [
          {
            type: 'Progressing',
            status: 'False',
            reason: 'ProgressDeadlineExceeded',
            lastTransitionTime: '2024-05-01T09:00:00Z',
          },
        ],
      },
    });
    expect((await why(deployment, all)).cause).toContain('does not exist');
  });

  it('says which finalizers a deletion waits for', async () => {
    const going = make('acme.dev/v1', 'Thing', 'a', {
      metadata: { deletionTimestamp: later, finalizers: ['acme.dev/clean'] },
    });
    expect(await why(going, [])).toMatchObject({
      cause: 'Thing/a is being deleted and waits for acme.dev/clean',
      since: later,
    });
  });

  it('takes what an unknown kind says of itself', async () => {
    const claim = make('acme.dev/v1', 'Claim', 'a', {
      status: {
        conditions: [
          {
            type: 'Ready',
            status: 'False',
            reason: 'Failed',
            message: 'region x is not available.',
            lastTransitionTime: later,
          },
        ],
      },
    });
    expect(await why(claim, [])).toMatchObject({ healthy: false, cause: 'region x is not available', since: later });
  });

  it('ends on cycles of owners', async () => {
    const a = make('acme.dev/v1', 'Thing', 'a');
    const b = make('acme.dev/v1', 'Thing', 'b', {}, a);
    a.metadata.ownerReferences = [
      { apiVersion: 'acme.dev/v1', kind: 'Thing', name: 'b', uid: b.metadata.uid ?? '', controller: true },
    ];
    expect(await why(a, [a, b])).toMatchObject({ healthy: true });
  });
});
