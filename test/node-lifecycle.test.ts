// What becomes of nodes that are not heard of any more, and of the pods on them.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { addNode, type ControlPlane, type KubeObject, startControlPlane } from '../src/envtest/index.ts';
import { nodeLifecycleController } from '../src/workloads/node-lifecycle/controller.ts';
import { taintEvictionController } from '../src/workloads/node-lifecycle/taint-eviction.ts';
import { nodes, pods, resource } from './support/cluster.ts';

const events = resource('', 'v1', 'events', 'Event');
const leases = resource('coordination.k8s.io', 'v1', 'leases', 'Lease');
const accounts = resource('', 'v1', 'serviceaccounts', 'ServiceAccount');
const patience = { monitor: 1500, startup: 1500 };

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
  await plane.client.create<KubeObject>(accounts, {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  });
  plane.run((context) => nodeLifecycleController(context, patience));
  plane.run(taintEvictionController);
});
afterAll(() => plane.stop());

const textsOf = (value: unknown): string[] =>
  ((value as { key: string; effect: string }[] | undefined) ?? []).map(({ key, effect }) => `${key}:${effect}`);

const taintsOf = (name: string, wanted: string[]) =>
  plane.until(nodes, { name }, (node) => textsOf(node?.spec?.['taints']).join() === wanted.join());

const conditionOf = (object: KubeObject | undefined, type: string) =>
  ((object?.status?.['conditions'] ?? []) as { type: string; status: string }[]).find((each) => each.type === type);

async function eventTexts(name: string): Promise<string[]> {
  const { items } = await plane.client.list(events, { fieldSelector: `involvedObject.name=${name}` });
  return items.map((event) => `${event['type']} ${event['reason']}: ${event['message']}`);
}

/** A pod on a node that says it is ready. */
async function runPod(name: string, nodeName: string, tolerations: object[] = []): Promise<void> {
  const spec = { nodeName, tolerations, terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'web:1' }] };
  await plane.client.create<KubeObject>(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec,
  });
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const patch = { status: { phase: 'Running', conditions } };
  await plane.client.patch(pods, { name, namespace: 'default' }, 'strategic', patch, { subresource: 'status' });
}

const timers: NodeJS.Timeout[] = [];
afterEach(() => {
  for (const timer of timers.splice(0)) clearInterval(timer);
});

/** Keeps a node alive until the test is over. */
function beat(name: string): void {
  let beats = 0;
  const renew = async (): Promise<void> => {
    beats += 1;
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: 1,
      renewTime: new Date(beats).toISOString().replace('Z', '000Z'),
    };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec };
    const object = { ...lease, metadata: { name, namespace: 'kube-node-lease' } };
    await plane.client.apply(leases, object, { fieldManager: name, force: true });
  };
  void renew();
  timers.push(setInterval(renew, 300));
}

const unreachable = 'node.kubernetes.io/unreachable';

test('a cordon is a taint', async () => {
  await addNode(plane.context, 'cordoned');
  beat('cordoned');
  await plane.client.patch(nodes, { name: 'cordoned' }, 'merge', { spec: { unschedulable: true } });
  await taintsOf('cordoned', ['node.kubernetes.io/unschedulable:NoSchedule']);
  await plane.client.patch(nodes, { name: 'cordoned' }, 'merge', { spec: { unschedulable: null } });
  await taintsOf('cordoned', []);
});

test('a node that is silent is unreachable; its pods are not ready, and go when they no longer tolerate that', async () => {
  await addNode(plane.context, 'well');
  beat('well');
  await addNode(plane.context, 'lost');
  const effect = 'NoExecute';
  await runPod('soon', 'lost', [{ key: unreachable, operator: 'Exists', effect, tolerationSeconds: 1 }]);
  await runPod('later', 'lost');
  await runPod('never', 'lost', [{ operator: 'Exists' }]);
  await taintsOf('lost', [`${unreachable}:NoSchedule`, `${unreachable}:NoExecute`]);
  const node = await plane.client.get(nodes, { name: 'lost' });
  expect(conditionOf(node, 'Ready')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  });
  expect(conditionOf(node, 'DiskPressure')).toMatchObject({
    status: 'Unknown',
    reason: 'NodeStatusNeverUpdated',
    message: 'Kubelet never posted node status.',
  });
  const key = (name: string) => ({ name, namespace: 'default' });
  await plane.until(pods, key('never'), (pod) => conditionOf(pod, 'Ready')?.status === 'False');
  await plane.until(pods, key('soon'), (pod) => pod === undefined);
  expect(await plane.client.find(pods, key('later'))).toBeDefined();
  await expect
    .poll(() => eventTexts('soon'))
    .toContain('Normal TaintManagerEviction: Marking for deletion Pod default/soon');
  expect(await eventTexts('never')).toContain('Warning NodeNotReady: Node is not ready');
  expect(await eventTexts('lost')).toEqual([
    'Normal RegisteredNode: Node lost event: Registered Node lost in Controller',
    'Normal NodeNotReady: Node lost status is now: NodeNotReady',
  ]);
  // It is back before the time of the others is over.
  beat('lost');
  const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: '' }];
  await plane.client.patch(nodes, { name: 'lost' }, 'strategic', { status: { conditions } }, { subresource: 'status' });
  await taintsOf('lost', []);
  await expect
    .poll(() => eventTexts('later'))
    .toContain('Normal TaintManagerEviction: Cancelling deletion of Pod default/later');
  expect(await plane.client.find(pods, key('later'))).toBeDefined();
});

test('a node that says it is not ready keeps new pods away', async () => {
  await addNode(plane.context, 'sick');
  beat('sick');
  await runPod('patient', 'sick', [{ operator: 'Exists' }]);
  const conditions = [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'no network' }];
  await plane.client.patch(nodes, { name: 'sick' }, 'strategic', { status: { conditions } }, { subresource: 'status' });
  await plane.until(nodes, { name: 'sick' }, (node) =>
    textsOf(node?.spec?.['taints']).includes('node.kubernetes.io/not-ready:NoSchedule'),
  );
  await plane.until(
    pods,
    { name: 'patient', namespace: 'default' },
    (pod) => conditionOf(pod, 'Ready')?.status === 'False',
  );
  await plane.client.delete(nodes, { name: 'sick' });
  await expect
    .poll(() => eventTexts('sick'))
    .toContain('Normal RemovingNode: Node sick event: Removing Node sick from Controller');
});
