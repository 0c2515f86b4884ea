// Claims and volumes find each other. What is expected here is what kube-controller-manager 1.34 made of the same objects.
import { expect, test } from 'vitest';
import type { KubeObject, Resource } from '../src/machinery/index.ts';
import { pods } from './support/cluster.ts';
import { claimOf, claims, classes, classOf, volumeOf, volumes } from './support/volumes.ts';
import { cluster, eventTexts, key, namespace, until, useCluster } from './support/workloads.ts';

useCluster();

const boundByController = { 'pv.kubernetes.io/bound-by-controller': 'yes' };

async function create(resource: Resource, ...objects: KubeObject[]): Promise<void> {
  for (const object of objects) await cluster.client.create(resource, object);
}

/** Waits until a claim or volume looks like this. */
const becomes = (resource: Resource, name: string, expected: object) =>
  until(async () => {
    const at = resource === claims ? key(name) : { name };
    expect(await cluster.client.get(resource, at)).toMatchObject(expected);
  });

const says = (text: string) => until(async () => expect(await eventTexts()).toContain(text));
const bound = (volumeName: string) => ({ spec: { volumeName }, status: { phase: 'Bound' } });
const remove = (resource: Resource, name: string) =>
  cluster.client.delete(resource, resource === claims ? key(name) : { name });

test('a claim gets the smallest volume that fits, with the fewest modes; both say so', async () => {
  const of = (storageClassName: string, more = {}) => ({ storageClassName, ...more });
  await create(
    volumes,
    volumeOf('fit-big', of('fit'), '5Gi'),
    volumeOf('fit-small', of('fit'), '2Gi'),
    volumeOf('fit-modes', of('fit', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] })),
    volumeOf('fit-other', of('other')),
  );
  for (const name of ['fit-big', 'fit-small', 'fit-modes', 'fit-other']) {
    await becomes(volumes, name, { status: { phase: 'Available' } });
  }
  await create(claims, claimOf(namespace, 'one', of('fit')));
  await becomes(claims, 'one', {
    metadata: { annotations: { ...boundByController, 'pv.kubernetes.io/bind-completed': 'yes' } },
    spec: { volumeName: 'fit-small' },
    status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } },
  });
  const { uid } = (await cluster.client.get(claims, key('one'))).metadata;
  await becomes(volumes, 'fit-small', {
    metadata: { annotations: boundByController },
    spec: { claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name: 'one', uid } },
    status: { phase: 'Bound' },
  });
  await create(
    claims,
    claimOf(namespace, 'many', of('fit', { accessModes: ['ReadWriteMany'] })),
    claimOf(namespace, 'none', of('fit', { selector: { matchLabels: { name: 'nobody' } } })),
    claimOf(namespace, 'selects', of('fit', { selector: { matchLabels: { name: 'fit-big' } } })),
  );
  await becomes(claims, 'many', bound('fit-modes'));
  await becomes(claims, 'selects', bound('fit-big'));
  await becomes(claims, 'none', { status: { phase: 'Pending' } });
  await says('ProvisioningFailed: storageclass.storage.k8s.io "fit" not found');
});

test('a volume of a claim that is gone is Released, and never given to another claim', async () => {
  await create(volumes, volumeOf('gone', { storageClassName: 'gone' }));
  await create(claims, claimOf(namespace, 'first', { storageClassName: 'gone' }));
  await becomes(claims, 'first', bound('gone'));
  await remove(claims, 'first');
  await becomes(volumes, 'gone', { status: { phase: 'Released' }, spec: { claimRef: { name: 'first' } } });
  await create(claims, claimOf(namespace, 'first', { storageClassName: 'gone' }));
  await cluster.settled();
  await becomes(claims, 'first', { status: { phase: 'Pending' } });
  // An administrator who takes the reference away gives it free.
  await cluster.client.patch(volumes, { name: 'gone' }, 'merge', { spec: { claimRef: null } });
  await becomes(claims, 'first', bound('gone'));
});

test('a claim that names its volume gets that one, or hears why not', async () => {
  await create(volumes, volumeOf('named', { storageClassName: 'n' }), volumeOf('taken', { storageClassName: 'n' }));
  await create(claims, claimOf(namespace, 'owner', { storageClassName: 'n', volumeName: 'taken' }));
  await becomes(claims, 'owner', bound('taken'));
  expect((await cluster.client.get(claims, key('owner'))).metadata.annotations).toEqual({
    'pv.kubernetes.io/bind-completed': 'yes',
  });
  const wrong: [string, Record<string, unknown>, string, string][] = [
    ['small', {}, '9Gi', 'requested PV is too small'],
    ['class', { storageClassName: 'm' }, '1Gi', 'storageClassName does not match'],
    ['modes', { accessModes: ['ReadWriteMany'] }, '1Gi', 'incompatible accessMode'],
    ['block', { volumeMode: 'Block' }, '1Gi', 'incompatible volumeMode'],
  ];
  for (const [name, spec, size, why] of wrong) {
    await create(claims, claimOf(namespace, name, { storageClassName: 'n', volumeName: 'named', ...spec }, size));
    await says(`VolumeMismatch: Cannot bind to requested volume "named": ${why}`);
    await becomes(claims, name, { status: { phase: 'Pending' } });
  }
  await create(claims, claimOf(namespace, 'late', { storageClassName: 'n', volumeName: 'taken' }));
  await says('FailedBinding: volume "taken" already bound to a different claim.');
  await create(claims, claimOf(namespace, 'early', { storageClassName: 'n', volumeName: 'comes-later' }));
  await becomes(claims, 'early', { status: { phase: 'Pending' } });
  await create(volumes, volumeOf('comes-later', { storageClassName: 'n' }));
  await becomes(claims, 'early', bound('comes-later'));
});

test('a volume that is reserved for a claim waits for it', async () => {
  await create(volumes, volumeOf('reserved', { claimRef: { namespace, name: 'awaited' } }));
  await becomes(volumes, 'reserved', { status: { phase: 'Available' } });
  await create(claims, claimOf(namespace, 'other'));
  await says('FailedBinding: no persistent volumes available for this claim and no storage class is set');
  await create(claims, claimOf(namespace, 'awaited'));
  await becomes(claims, 'awaited', bound('reserved'));
  expect((await cluster.client.get(volumes, { name: 'reserved' })).metadata.annotations).toBeUndefined();
});

test('what cannot be reclaimed is Failed, and says why', async () => {
  for (const [policy, message] of [
    ['Recycle', 'No recycler plugin found for the volume!'],
    ['Delete', 'host_path deleter only supports /tmp/.+ but received provided /opt/x'],
  ]) {
    const name = `reclaim-${policy?.toLowerCase()}`;
    const spec = { storageClassName: name };
    await create(volumes, volumeOf(name, { ...spec, persistentVolumeReclaimPolicy: policy }));
    await create(claims, claimOf(namespace, name, spec));
    await becomes(claims, name, bound(name));
    await remove(claims, name);
    await becomes(volumes, name, { status: { phase: 'Failed', message } });
  }
});

test('a claim whose volume is taken away is Lost', async () => {
  await create(volumes, volumeOf('lost', { storageClassName: 'lost' }));
  await create(claims, claimOf(namespace, 'lost', { storageClassName: 'lost' }));
  await becomes(claims, 'lost', bound('lost'));
  // Held back while it is bound, until somebody insists.
  await remove(volumes, 'lost');
  await cluster.settled();
  await becomes(volumes, 'lost', { metadata: { finalizers: ['kubernetes.io/pv-protection'] } });
  await cluster.client.patch(volumes, { name: 'lost' }, 'merge', { metadata: { finalizers: null } });
  await becomes(claims, 'lost', { status: { phase: 'Lost' } });
  await says('ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!');
});

test('classes: who is asked, who waits, and a default that comes late', async () => {
  await create(
    classes,
    classOf('at-once'),
    classOf('waits', { volumeBindingMode: 'WaitForFirstConsumer' }),
    classOf('old', { provisioner: 'kubernetes.io/gce-pd' }),
    classOf('nobody', { provisioner: 'kubernetes.io/no-provisioner' }),
  );
  for (const name of ['at-once', 'waits', 'old', 'nobody'])
    await create(claims, claimOf(namespace, name, { storageClassName: name }));
  const asked = (by: string) => ({
    metadata: {
      annotations: {
        'volume.kubernetes.io/storage-provisioner': by,
        'volume.beta.kubernetes.io/storage-provisioner': by,
      },
    },
  });
  await becomes(claims, 'at-once', asked('example.com/nobody'));
  await says(
    "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com/nobody' or " +
      'manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running ' +
      'and correctly registered.',
  );
  await becomes(claims, 'old', asked('pd.csi.storage.gke.io'));
  await says('ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner');
  await says('WaitForFirstConsumer: waiting for first consumer to be created before binding');
  await create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'user', namespace },
    spec: {
      schedulerName: 'nobody',
      containers: [{ name: 'main', image: 'any' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'waits' } }],
    },
  });
  await says('WaitForPodScheduled: waiting for pod user to be scheduled');
  const selected = { metadata: { annotations: { 'volume.kubernetes.io/selected-node': 'node' } } };
  await cluster.client.patch(claims, key('waits'), 'merge', selected);
  await becomes(claims, 'waits', asked('example.com/nobody'));

  const { storageClassName: _, ...spec } = claimOf(namespace, 'retro').spec ?? {};
  await create(claims, { ...claimOf(namespace, 'retro'), spec });
  await cluster.settled();
  await becomes(claims, 'retro', { status: { phase: 'Pending' } });
  await create(classes, classOf('late', {}, true));
  await becomes(claims, 'retro', { spec: { storageClassName: 'late' } });
  await remove(classes, 'late');
});

test('a claim that asks for more waits for whoever can give it', async () => {
  const spec = { storageClassName: 'grows' };
  await create(classes, classOf('grows', { allowVolumeExpansion: true }));
  await create(volumes, volumeOf('grows', spec));
  await create(claims, claimOf(namespace, 'grows', spec));
  await becomes(claims, 'grows', bound('grows'));
  const more = { spec: { resources: { requests: { storage: '2Gi' } } } };
  await cluster.client.patch(claims, key('grows'), 'merge', more);
  await says('ExternalExpanding: waiting for an external controller to expand this PVC');
  await becomes(claims, 'grows', { status: { capacity: { storage: '1Gi' } } });
});

test('an ephemeral volume is a claim of its pod, and goes with it', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: claimOf(namespace, '').spec };
  const pod = (name: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      schedulerName: 'nobody',
      containers: [{ name: 'main', image: 'any' }],
      volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: template } }],
    },
  });
  await create(pods, pod('app'));
  const { uid } = (await cluster.client.get(pods, key('app'))).metadata;
  await becomes(claims, 'app-scratch', {
    metadata: { labels: { a: 'b' }, ownerReferences: [{ kind: 'Pod', name: 'app', uid, controller: true }] },
  });
  await create(claims, claimOf(namespace, 'mine-scratch'));
  await create(pods, pod('mine'));
  const name = `${namespace}/mine`;
  await says(
    `FailedBinding: ephemeral volume scratch: PVC ${name}-scratch was not created for pod ${name} (pod is not owner)`,
  );
  await cluster.client.delete(pods, key('app'), { gracePeriodSeconds: 0 });
  await until(async () => expect(await cluster.client.find(claims, key('app-scratch'))).toBeUndefined());
});
