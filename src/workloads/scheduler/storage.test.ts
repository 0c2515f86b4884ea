// What kube-scheduler 1.34 says of pods whose volumes are not there.
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { node, pod, sceneOf } from './scheduler.testing.ts';

const preemption =
  'no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.';
const nodes = [node('n1', { labels: { zone: 'a' } }), node('n2', { labels: { zone: 'b' } })];

const storageClass = (name: string, volumeBindingMode: string, provisioner = 'example.com/disks', extra: object = {}) =>
  ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
    volumeBindingMode,
    ...extra,
  }) as KubeObject;

const claim = (name: string, spec: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace: 'a', uid: `uid-${name}`, ...metadata },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const inZone = (zone: string) => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }] },
  },
});

const volume = (name: string, spec: object, labels?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, labels },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec },
  status: { phase: 'Available' },
});

const bound = { annotations: { 'pv.kubernetes.io/bind-completed': 'yes' } };

function tell(objects: KubeObject[], on = nodes): string {
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  return sceneOf(on, [], [], undefined, objects).tell(pod({}, { volumes }));
}

describe('a claim', () => {
  it('that is of no use keeps the pod from every node', () => {
    const none = '0/2 nodes are available:';
    expect(tell([])).toBe(`${none} persistentvolumeclaim "data" not found. not found`);
    expect(tell([claim('data', {}, { deletionTimestamp: 'now' })])).toBe(
      `${none} persistentvolumeclaim "data" is being deleted. not found`,
    );
    const immediate = [storageClass('now', 'Immediate'), claim('data', { storageClassName: 'now' })];
    expect(tell(immediate)).toBe(`${none} pod has unbound immediate PersistentVolumeClaims. not found`);
  });

  it('takes the pod to where its volume is', () => {
    const data = claim('data', { volumeName: 'disk' }, bound);
    expect(tell([data, volume('disk', inZone('b'))])).toBe('n2');
    expect(tell([data, volume('disk', inZone('c'))])).toBe(
      `0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity. ${preemption}`,
    );
    expect(tell([data])).toBe(
      `0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s). ${preemption}`,
    );
  });

  it('keeps to the zone of its volume', () => {
    const zoned = ['a', 'b'].map((zone) => node(zone, { labels: { 'topology.kubernetes.io/zone': zone } }));
    const data = claim('data', { volumeName: 'disk' }, bound);
    expect(tell([data, volume('disk', {}, { 'topology.kubernetes.io/zone': 'b' })], zoned)).toBe('b');
    expect(tell([data, volume('disk', {}, { 'topology.kubernetes.io/zone': 'c' })], zoned)).toBe(
      `0/2 nodes are available: 2 node(s) had no available volume zone. ${preemption}`,
    );
  });

  it('that waits for its pod gets a volume where one is or can be', () => {
    const data = claim('data', { storageClassName: 'later' });
    const fixed = storageClass('later', 'WaitForFirstConsumer', 'kubernetes.io/no-provisioner');
    const unbindable = `0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind. ${preemption}`;
    expect(tell([data, fixed])).toBe(unbindable);
    expect(tell([data, fixed, volume('disk', { storageClassName: 'later', ...inZone('b') })])).toBe('n2');
    expect(tell([data, storageClass('later', 'WaitForFirstConsumer')])).toMatch(/n[12]/);
    const allowedTopologies = [{ matchLabelExpressions: [{ key: 'zone', values: ['b'] }] }];
    expect(tell([data, storageClass('later', 'WaitForFirstConsumer', 'x', { allowedTopologies })])).toBe('n2');
    const chosen = { annotations: { 'volume.kubernetes.io/selected-node': 'n1' } };
    const begun = claim('data', { storageClassName: 'later' }, chosen);
    expect(tell([begun, storageClass('later', 'WaitForFirstConsumer')])).toBe('n1');
  });
});

it('a claim for one pod keeps all others away, wherever it is used', () => {
  const data = claim('data', { accessModes: ['ReadWriteOncePod'], volumeName: 'disk' }, bound);
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  const user = pod({}, { nodeName: 'n1', volumes });
  const scene = sceneOf(nodes, [user], [], undefined, [data, volume('disk', {})]);
  expect(scene.tell(pod({}, { volumes }))).toContain(
    '2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod',
  );
});
