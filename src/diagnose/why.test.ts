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
});
