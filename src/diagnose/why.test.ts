import { describe, expect, it } from 'vitest';
import type { Fields } from '../machinery/index.ts';
import {
  type App,
  app,
  at,
  crashed,
  event,
  later,
  make,
  missingTag,
  notThere,
  waiting,
  why,
  wrongImage,
} from './fixtures.ts';
import { type Provenance, renderWhy } from './index.ts';

describe('diagnose', () => {
  it('says in a line that nothing is wrong', async () => {
    const { deployment, all } = app({
      containerStatus: { ready: true, state: { running: { startedAt: at } } },
      podStatus: { conditions: [{ type: 'Ready', status: 'True' }] },
      deploymentStatus: { availableReplicas: 1, readyReplicas: 1 },
    });
    const diagnosis = await why(
      deployment,
      all.map((o) => (o.kind === 'ReplicaSet' ? { ...o, status: { replicas: 1, availableReplicas: 1 } } : o)),
    );
    expect(diagnosis).toEqual({
      healthy: true,
      cause: 'nothing is wrong',
      object: 'Deployment/silly-demo',
      field: null,
      fixableBy: null,
      since: null,
    });
    expect(renderWhy(diagnosis, { now: new Date() })).toBe('✓ Deployment/silly-demo: nothing is wrong');
  });

  it('names the image that does not exist, the tags that do, and the field of the Deployment', async () => {
    const { deployment, all } = app(wrongImage);
    expect(await why(deployment, all)).toEqual({
      healthy: false,
      cause: `image ${missingTag} does not exist: change spec.template.spec.containers[0].image (the tags there are: 1.4.304, 1.4.305)`,
      object: 'Deployment/silly-demo',
      field: 'spec.template.spec.containers[0].image',
      fixableBy: 'developer',
      since: later,
    });
  });

  it('finds the words of a failed pull in Events once the status only says that it backs off', async () => {
    const { deployment, pod, all } = app({
      ...wrongImage,
      containerStatus: waiting('ImagePullBackOff', `Back-off pulling image "${missingTag}"`),
    });
    const events = [
      event(pod, 'Failed', `Failed to pull image "${missingTag}": ${notThere}`),
      event(pod, 'Failed', 'Error: ErrImagePull'),
    ];
    expect((await why(deployment, [...all, ...events])).cause).toContain('the tags there are: 1.4.304, 1.4.305');
  });

  it('gives the field of the pod when a pod was asked about', async () => {
    const { pod, all } = app(wrongImage);
    expect(await why(pod, all)).toMatchObject({ object: 'Deployment/silly-demo', field: 'spec.containers[1].image' });
  });

  describe('of an instance of a composition', () => {
    const instance = make('kro.run/v1alpha1', 'Application', 'silly-demo', {
      status: { state: 'IN_PROGRESS', conditions: [{ type: 'Ready', status: 'False', reason: 'Progressing' }] },
    });

    it('climbs to the field of the instance that the faulty part of the value came from', async () => {
      const { all } = app({ ...wrongImage, owner: instance });
      const seen: unknown[] = [];
      const provenance: Provenance = {
        trace: async ({ owner, child, path, span }) => {
          seen.push([owner.kind, child.kind, path.join('.'), span && missingTag.slice(span.start, span.end)]);
          return { fields: ['spec.tag'] };
        },
      };
      expect(await why(instance, [instance, ...all], { provenance })).toEqual({
        healthy: false,
        cause: `image ${missingTag} does not exist: change spec.tag (the tags there are: 1.4.304, 1.4.305)`,
        object: 'Deployment/silly-demo',
        field: 'spec.tag',
        fixableBy: 'developer',
        since: later,
      });
      expect(seen).toEqual([
        ['Application', 'Deployment', 'spec.template.spec.containers.0.image', 'this-tag-does-not-exist'],
      ]);
    });

    it('sends to the owner of the definition what the definition fixes', async () => {
      const { all } = app({ ...wrongImage, owner: instance });
      const provenance: Provenance = { trace: async () => ({ fields: [] }) };
      expect(await why(instance, [instance, ...all], { provenance })).toMatchObject({
        cause: `image ${missingTag} does not exist: the definition behind it sets this value`,
        field: null,
        fixableBy: 'owner',
      });
    });

    it('names a kind that is not installed, and ignores its own earlier answer', async () => {
      const status = {
        state: 'IN_PROGRESS',
        nodes: [
          {
            id: 'postgresql',
            state: 'Waiting',
            message: 'kind Cluster of postgresql.cnpg.io/v1 is not installed yet',
            since: at,
          },
        ],
        conditions: [{ type: 'Developer', status: 'False', message: 'an earlier answer' }],
      };
      expect(await why({ ...instance, status }, [])).toMatchObject({
        cause:
          'kind Cluster of postgresql.cnpg.io/v1 is not installed, and postgresql needs it: ask for it to be installed',
        fixableBy: 'platform',
        since: at,
      });
      expect(await why({ ...instance, status: { conditions: status.conditions } }, [])).toMatchObject({
        healthy: true,
      });
    });

    it('traces a field of a composed resource that the API server refused', async () => {
      const message =
        'Deployment/silly-demo was refused: Deployment.apps "silly-demo" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0';
      const refused = {
        ...instance,
        status: { state: 'ERROR', nodes: [{ id: 'deployment', state: 'Error', message, since: at }] },
      };
      const provenance: Provenance = {
        trace: async ({ child, path }) => ({
          fields: [`spec.${path.at(-1)}.of.${child.metadata.labels?.['kro.run/node-id']}`],
        }),
      };
      const answer = {
        object: 'Deployment/silly-demo',
        field: 'spec.replicas.of.deployment',
        fixableBy: 'developer',
      };
      expect(await why(refused, [], { provenance })).toMatchObject(answer);
      // What is still there of an older wish may suffer from something of its own: that is not what to fix first.
      const { all } = app({ ...wrongImage, owner: refused });
      expect(await why(refused, all, { provenance })).toMatchObject(answer);
    });
  });

  it.each<[string, App, Fields]>([
    [
      'a crash',
      { containerStatus: crashed({ exitCode: 1, reason: 'Error' }) },
      {
        cause: 'the program in container main ended with exit code 1 (3 times); its last words: starting / no database',
        object: 'Pod/silly-demo-5d8f-abcde',
        field: null,
        fixableBy: 'developer',
        since: later,
      },
    ],
    [
      'a memory limit',
      {
        container: { resources: { limits: { memory: '64Mi' } } },
        containerStatus: crashed({ exitCode: 137, reason: 'OOMKilled' }),
      },
      {
        cause:
          'container main needs more memory than its limit of 64Mi: raise spec.template.spec.containers[0].resources.limits.memory',
        fixableBy: 'developer',
      },
    ],
    [
      'a missing Secret',
      {
        container: { env: [{ name: 'DB', valueFrom: { secretKeyRef: { name: 'silly-demo-app', key: 'host' } } }] },
        containerStatus: waiting('CreateContainerConfigError', 'secret "silly-demo-app" not found'),
      },
      {
        cause:
          'Secret silly-demo-app does not exist: create it or change spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name',
        object: 'Deployment/silly-demo',
        fixableBy: 'developer',
      },
    ],
    [
      'a missing key',
      {
        container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }] },
        containerStatus: waiting('CreateContainerConfigError', "couldn't find key colour in ConfigMap a-team/settings"),
      },
      {
        cause:
          'ConfigMap settings has no key colour: add it or change spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.key',
        field: 'spec.template.spec.containers[0].env[0].valueFrom.configMapKeyRef.key',
      },
    ],
    [
      'an image name that is none',
      {
        container: { image: 'UPPER:x' },
        containerStatus: waiting('InvalidImageName', 'Failed to apply default image tag'),
      },
      { cause: '"UPPER:x" is not an image name: correct spec.template.spec.containers[0].image' },
    ],
    [
      'a command that does not exist',
      {
        container: { command: ['/bin/nothing'] },
        containerStatus: waiting('RunContainerError', 'exec /bin/nothing: no such file or directory'),
      },
      { field: 'spec.template.spec.containers[0].command', fixableBy: 'developer' },
    ],
    [
      'a pod that fits nowhere',
      {
        podStatus: {
          phase: 'Pending',
          containerStatuses: [],
          conditions: [
            {
              type: 'PodScheduled',
              status: 'False',
              reason: 'Unschedulable',
              message:
                '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims.',
              lastTransitionTime: at,
            },
          ],
        },
      },
      {
        cause: 'no node can take the pod: 0/1 nodes are available: 1 Insufficient cpu',
        fixableBy: 'platform',
        field: null,
        since: at,
      },
    ],
    [
      'a quota',
      {
        deploymentStatus: {
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              reason: 'FailedCreate',
              message: 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=5, limited: pods=5',
              lastTransitionTime: at,
            },
          ],
        },
      },
      {
        cause: 'quota small of the namespace allows no more (requested: pods=1, used: pods=5, limited: pods=5)',
        fixableBy: 'platform',
        since: at,
      },
    ],
    [
      'a pod template that is refused',
      {
        deploymentStatus: {
          conditions: [
            {
              type: 'ReplicaFailure',
              status: 'True',
              message: 'Pod "x" is invalid: spec.containers[0].name: Invalid value: "A": nope',
            },
          ],
        },
      },
      { field: 'spec.template.spec.containers[0].name', fixableBy: 'developer' },
    ],
  ])('explains %s', async (_name, options, expected) => {
    const { deployment, all } = app(options);
    const source = { lastLog: async () => ['starting', '', 'no database'] };
    const diagnosis = await why(deployment, all, { source });
    expect(diagnosis).toMatchObject({ healthy: false, ...expected });
    expect(diagnosis.cause).not.toContain('\n');
  });

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
