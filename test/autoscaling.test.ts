// Autoscalers without metrics: what kube-controller-manager 1.34.1 wrote about the same objects.
import { expect, test } from 'vitest';
import type { Fields } from '../src/machinery/index.ts';
import { resource } from './support/cluster.ts';
import {
  cluster,
  deployment,
  deployments,
  eventTexts,
  key,
  namespace,
  until,
  useCluster,
} from './support/workloads.ts';

const autoscalers = resource('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler');
const crds = resource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', false);
const gadgets = resource('autoscaling.example.com', 'v1', 'gadgets', 'Gadget');

useCluster();

interface Wanted {
  target?: Fields;
  metrics?: Fields[];
  minReplicas?: number;
  maxReplicas?: number;
}

async function autoscale(name: string, { target, ...spec }: Wanted = {}): Promise<void> {
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name, ...target };
  await cluster.client.create(autoscalers, {
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name, namespace } },
    spec: { minReplicas: 1, maxReplicas: 5, ...spec, scaleTargetRef },
  });
}

/** The status of an autoscaler once a condition is there: its counts, and its conditions as text. */
async function statusWith(name: string, reason: string): Promise<{ counts: Fields; conditions: string[] }> {
  let found: { counts: Fields; conditions: string[] } = { counts: {}, conditions: [] };
  await until(async () => {
    const { conditions = [], ...counts } = ((await cluster.client.get(autoscalers, key(name))).status ??
      {}) as Fields & {
      conditions?: { type: string; status: string; reason: string; message: string }[];
    };
    expect(
      conditions.map((each) => each.reason),
      JSON.stringify(conditions),
    ).toContain(reason);
    const texts = conditions.map((each) => `${each.type} ${each.status} ${each.reason}: ${each.message}`);
    found = { counts, conditions: texts };
  });
  return found;
}

const FOUND = "AbleToScale True SucceededGetScale: the HPA controller was able to get the target's current scale";
const NO_API = (what: string): string =>
  `unable to fetch metrics from ${what} metrics API: the server could not find the requested resource`;

test.each([
  ['a deployment that is not', {}, 'deployments.apps "web" not found'],
  ['a kind that is not', { kind: 'Gadget' }, 'no matches for kind "Gadget" in group "apps"'],
  [
    'a group that is not',
    { apiVersion: 'example.com/v1', kind: 'Gadget' },
    'no matches for kind "Gadget" in group "example.com"',
  ],
])('%s cannot be scaled', async (_, target, why) => {
  await autoscale('web', { target });
  const { counts, conditions } = await statusWith('web', 'FailedGetScale');
  expect(counts).toEqual({ desiredReplicas: 0, currentMetrics: null });
  const message = `the HPA controller was unable to get the target's current scale: ${why}`;
  expect(conditions).toEqual([`AbleToScale False FailedGetScale: ${message}`]);
  await until(async () => expect(await eventTexts()).toContain(`FailedGetScale: ${why}`));
});

const pods = { type: 'Pods', pods: { metric: { name: 'rps' }, target: { type: 'AverageValue', averageValue: '10' } } };
const object = {
  type: 'Object',
  object: {
    metric: { name: 'rps' },
    describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' },
    target: { type: 'Value', value: '10' },
  },
};
const external = (target: Fields, selector?: Fields): Fields => ({
  type: 'External',
  external: { metric: { name: 'queue', ...(selector ? { selector } : {}) }, target },
});
const container = {
  type: 'ContainerResource',
  containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
};
const custom =
  'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';
const resources = `unable to get metrics for resource cpu: ${NO_API('resource')} (get pods.metrics.k8s.io)`;
const queue = `${NO_API('external')} (get queue.external.metrics.k8s.io)`;
const labels = '&LabelSelector{MatchLabels:map[string]string{a: b,},MatchExpressions:[]LabelSelectorRequirement{},}';

/** The metrics, the reason, what the condition says, and the first error of all. */
const unread: [string, Fields[] | undefined, string, () => string, (message: string) => string][] = [
  [
    'the CPU',
    undefined,
    'FailedGetResourceMetric',
    () => `failed to get cpu utilization: ${resources}`,
    (message) => `failed to get cpu resource metric value: ${message}`,
  ],
  [
    'the CPU of a container',
    [container],
    'FailedGetContainerResourceMetric',
    () => `failed to get cpu utilization: ${resources}`,
    (message) => `failed to get c container metric value: ${message}`,
  ],
  [
    'a metric of pods',
    [pods],
    'FailedGetPodsMetric',
    () => `unable to get metric rps: ${custom}`,
    (message) => `failed to get pods metric value: ${message}`,
  ],
  [
    'a metric of an object',
    [object],
    'FailedGetObjectMetric',
    () => `unable to get metric rps: Service on ${namespace} s/${custom}`,
    (message) => `failed to get object metric value: ${message}`,
  ],
  [
    'an external metric, by pod',
    [external({ type: 'AverageValue', averageValue: '10' }, { matchLabels: { a: 'b' } })],
    'FailedGetExternalMetric',
    () => `unable to get external metric ${namespace}/queue/${labels}: ${queue}`,
    (message) => `failed to get queue external metric value: failed to get queue external metric: ${message}`,
  ],
  [
    'an external metric',
    [external({ type: 'Value', value: '10' })],
    'FailedGetExternalMetric',
    () => `unable to get external metric ${namespace}/queue/nil: ${queue}`,
    (message) => `failed to get queue external metric value: failed to get external metric queue: ${message}`,
  ],
];

test.each(unread)('%s that nobody measures scales nothing', async (_, metrics, reason, why, error) => {
  await cluster.client.create(deployments, deployment('web', { replicas: 2 }));
  await autoscale('web', metrics ? { metrics } : {});
  const { counts, conditions } = await statusWith('web', reason);
  expect(counts).toEqual({ currentReplicas: 2, desiredReplicas: 0, currentMetrics: [{ type: '' }] });
  expect(conditions).toEqual([
    FOUND,
    `ScalingActive False ${reason}: the HPA was unable to compute the replica count: ${why()}`,
  ]);
  const computed = `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: ${error(why())}`;
  await until(async () =>
    expect(await eventTexts()).toEqual(expect.arrayContaining([`${reason}: ${why()}`, computed])),
  );
});

test.each([
  [7, 1, 5, 'Current number of replicas above Spec.MaxReplicas'],
  [1, 3, 3, 'Current number of replicas below Spec.MinReplicas'],
])('%i replicas, at least %i, become %i', async (replicas, minReplicas, wanted, reason) => {
  await cluster.client.create(deployments, deployment('web', { replicas }));
  await autoscale('web', { minReplicas });
  const { counts, conditions } = await statusWith('web', 'SucceededRescale');
  expect(counts).toEqual({
    lastScaleTime: expect.any(String),
    currentReplicas: replicas,
    desiredReplicas: wanted,
    currentMetrics: null,
  });
  expect(conditions).toEqual([
    `AbleToScale True SucceededRescale: the HPA controller was able to update the target scale to ${wanted}`,
  ]);
  expect((await cluster.client.get(deployments, key('web'))).spec).toMatchObject({ replicas: wanted });
  await until(async () =>
    expect(await eventTexts()).toContain(`SuccessfulRescale: New size: ${wanted}; reason: ${reason}`),
  );
});

test('a target without replicas is left alone', async () => {
  await cluster.client.create(deployments, deployment('web', { replicas: 0 }));
  await autoscale('web');
  const { counts, conditions } = await statusWith('web', 'ScalingDisabled');
  expect(counts).toEqual({ desiredReplicas: 0, currentMetrics: null });
  const message = 'scaling is disabled since the replica count of the target is zero';
  expect(conditions).toEqual([FOUND, `ScalingActive False ScalingDisabled: ${message}`]);
});

test('pods have one autoscaler: of two, none scales', async () => {
  await cluster.client.create(deployments, deployment('web', { replicas: 1 }));
  await autoscale('web');
  await statusWith('web', 'FailedGetResourceMetric');
  await autoscale('other', { target: { name: 'web' } });
  const { conditions } = await statusWith('other', 'AmbiguousSelector');
  const why = `pods by selector app=web are controlled by multiple HPAs: [${namespace}/other ${namespace}/web]`;
  expect(conditions).toEqual([FOUND, `ScalingActive False AmbiguousSelector: ${why}`]);
  await until(async () =>
    expect(await eventTexts()).toEqual(
      expect.arrayContaining([`AmbiguousSelector: ${why}`, `FailedComputeMetricsReplicas: ${why}`]),
    ),
  );
});

test('a custom resource with a scale is scaled as any other', async () => {
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const scale = { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' };
  await cluster.apply({
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    metadata: { name: 'gadgets.autoscaling.example.com' },
    spec: {
      ...{ group: 'autoscaling.example.com', scope: 'Namespaced', names: { plural: 'gadgets', kind: 'Gadget' } },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, subresources: { scale } },
      ],
    },
  });
  const gadget = { apiVersion: 'autoscaling.example.com/v1', kind: 'Gadget' };
  await cluster.client.create(gadgets, { ...gadget, metadata: { name: 'g', namespace }, spec: { size: 9 } });
  await autoscale('g', { target: gadget });
  await statusWith('g', 'SucceededRescale');
  expect((await cluster.client.get(gadgets, key('g'))).spec).toEqual({ size: 5 });
  // Its scale names no pods: there is nothing to go by.
  await cluster.client.patch(autoscalers, key('g'), 'merge', { spec: { maxReplicas: 6 } });
  const { conditions } = await statusWith('g', 'InvalidSelector');
  expect(conditions).toContain("ScalingActive False InvalidSelector: the HPA target's scale is missing a selector");
  await cluster.client.delete(crds, { name: 'gadgets.autoscaling.example.com' });
});
