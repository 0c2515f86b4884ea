import { expect, it } from 'vitest';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { healthOf } from './index.ts';

const object = (apiVersion: string, kind: string, more: Fields = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'a', generation: 2, ...(more['metadata'] as object) },
  spec: (more['spec'] ?? {}) as Fields,
  status: more['status'] as Fields,
});
const conditions = (...list: Fields[]) => ({ status: { conditions: list } });

it.each<[string, KubeObject | undefined, string, string]>([
  ['nothing', undefined, 'Missing', 'it does not exist'],
  ['a ConfigMap', object('v1', 'ConfigMap'), 'Healthy', ''],
  [
    'a running pod',
    object('v1', 'Pod', { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }),
    'Healthy',
    '',
  ],
  ['a pod that is done', object('v1', 'Pod', { status: { phase: 'Succeeded' } }), 'Healthy', ''],
  [
    'a pod without its image',
    object('v1', 'Pod', {
      status: {
        phase: 'Pending',
        containerStatuses: [{ state: { waiting: { reason: 'ErrImagePull', message: 'no such tag' } } }],
      },
    }),
    'Degraded',
    'no such tag',
  ],
  [
    'a rollout on its way',
    object('apps/v1', 'Deployment', {
      spec: { replicas: 3 },
      status: { replicas: 3, updatedReplicas: 3, availableReplicas: 1 },
    }),
    'Progressing',
    '1 of 3 replicas are available',
  ],
  [
    'a rollout that is over',
    object('apps/v1', 'Deployment', {
      spec: { replicas: 1 },
      status: { replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
    }),
    'Healthy',
    '',
  ],
  [
    'a Deployment nobody has looked at',
    object('apps/v1', 'Deployment', { status: { observedGeneration: 1 } }),
    'Progressing',
    'its latest change has not been acted on yet',
  ],
  [
    'a paused Deployment',
    object('apps/v1', 'Deployment', { spec: { paused: true } }),
    'Suspended',
    'its rollout is paused',
  ],
  [
    'what is being deleted',
    object('acme.dev/v1', 'Thing', { metadata: { deletionTimestamp: 'now', finalizers: ['acme.dev/x'] } }),
    'Progressing',
    'being deleted, waits for acme.dev/x',
  ],
  [
    'a ready custom resource',
    object('acme.dev/v1', 'Thing', conditions({ type: 'Ready', status: 'True' })),
    'Healthy',
    '',
  ],
  [
    'a failed custom resource',
    object('acme.dev/v1', 'Thing', conditions({ type: 'Ready', status: 'False', reason: 'Failed', message: 'no' })),
    'Degraded',
    'no',
  ],
  [
    'a kro instance on its way',
    object('kro.run/v1alpha1', 'App', {
      status: {
        state: 'IN_PROGRESS',
        conditions: [{ type: 'Ready', status: 'False', message: 'deployment: not ready' }],
      },
    }),
    'Progressing',
    'deployment: not ready',
  ],
  [
    'a Crossplane resource that cannot be synced',
    object(
      'acme.dev/v1',
      'Thing',
      conditions({ type: 'Ready', status: 'True' }, { type: 'Synced', status: 'False', message: 'bad region' }),
    ),
    'Degraded',
    'bad region',
  ],
  [
    'malformed conditions',
    object('acme.dev/v1', 'Thing', { status: { conditions: [null, 1, { type: 3 }] } }),
    'Healthy',
    '',
  ],
])('knows the health of %s', (_name, value, status, message) => {
  expect(healthOf(value)).toEqual({ status, message });
});
