// Volumes from the claim to the folder, through kubectl: made, mounted, grown, copied, kept and deleted.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildEmptyImage } from './support/images.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const image = 'volumes:1';

const classes = ['Delete', 'Retain'].map((reclaimPolicy) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: reclaimPolicy.toLowerCase() },
  provisioner: 'folder.homeport.dev',
  ...{ reclaimPolicy, volumeBindingMode: 'Immediate', allowVolumeExpansion: true },
}));

beforeAll(async () => {
  homeport = await startHomeport();
  await apply(...classes);
  await buildEmptyImage(homeport, image);
});
afterAll(() => homeport.stop());

const apply = (...items: object[]) =>
  kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });

const claim = (name: string, spec: object = {}, size = '1Gi') => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: size } },
    storageClassName: 'delete',
    ...spec,
  },
});

const snapshot = (name: string, source: object) => ({
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshot',
  metadata: { name },
  spec: { source },
});

const pod = (name: string, script: string, spec: object = {}, container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image, command: ['sh', '-c', script], ...container }],
    ...spec,
  },
});

const read = (what: string, path: string) => kubectl(['get', ...what.split(' '), '-o', `jsonpath=${path}`]);
const bound = (name: string) => kubectl(`wait pvc/${name} --for=jsonpath={.status.phase}=Bound --timeout=20s`);
const ready = (name: string) => kubectl(`wait pod/${name} --for=condition=Ready --timeout=30s`);

/** The folder of a bound claim's volume. */
async function folderOf(name: string): Promise<string> {
  const handle = await read(`pv ${await read(`pvc ${name}`, '{.spec.volumeName}')}`, '{.spec.csi.volumeHandle}');
  return join(homeport.dataDir, 'volumes', handle, 'data');
}

async function eventsOf(kind: string, name: string): Promise<string[]> {
  const fields = `involvedObject.kind=${kind},involvedObject.name=${name}`;
  const { items } = JSON.parse(await kubectl(['get', 'events', '--field-selector', fields, '-o', 'json']));
  return items.map((event: { reason: string; message: string }) => `${event.reason}: ${event.message}`);
}

const says = (kind: string, name: string, text: string | RegExp) =>
  eventually(`${kind} ${name} to say ${text}`, async () =>
    (await eventsOf(kind, name)).some((line) => (typeof text === 'string' ? line === text : text.test(line))),
  );

test('standard is the default class, and waits for a pod', async () => {
  const [name, annotation] = ['standard', '{.metadata.annotations.storageclass\\.kubernetes\\.io/is-default-class}'];
  expect(await read(`sc ${name}`, annotation)).toBe('true');
  expect(await read(`sc ${name}`, '{.volumeBindingMode} {.reclaimPolicy}')).toBe('WaitForFirstConsumer Delete');
  const { storageClassName: _, ...spec } = claim('waiting').spec;
  await apply({ ...claim('waiting'), spec });
  await says(
    'PersistentVolumeClaim',
    'waiting',
    'WaitForFirstConsumer: waiting for first consumer to be created before binding',
  );
  expect(await read('pvc waiting', '{.spec.storageClassName} {.status.phase}')).toBe('standard Pending');
});

test('a claim gets a folder, which goes with it or is kept', async () => {
  await apply(claim('goes'), claim('stays', { storageClassName: 'retain' }));
  for (const name of ['goes', 'stays']) await bound(name);
  const [goes, stays] = [await folderOf('goes'), await folderOf('stays')];
  const volume = await read('pvc stays', '{.spec.volumeName}');
  for (const folder of [goes, stays]) writeFileSync(join(folder, 'file'), 'content');
  await says(
    'PersistentVolumeClaim',
    'goes',
    `ProvisioningSucceeded: Successfully provisioned volume ${await read('pvc goes', '{.spec.volumeName}')}`,
  );
  expect(await read('pvc goes', '{.status.capacity.storage}')).toBe('1Gi');
  await kubectl('delete pvc goes stays');
  await eventually('the folder to go', async () => !existsSync(goes));
  await kubectl(`wait pv/${volume} --for=jsonpath={.status.phase}=Released --timeout=20s`);
  expect(readFileSync(join(stays, 'file'), 'utf8')).toBe('content');
  // An administrator gives it to somebody else.
  await kubectl(['patch', 'pv', volume, '--type=json', '-p', '[{"op":"remove","path":"/spec/claimRef"}]']);
  await apply(claim('heir', { storageClassName: 'retain', volumeName: volume }));
  await bound('heir');
  expect(await folderOf('heir')).toBe(stays);
});

test('what the driver refuses is said on the claim', async () => {
  await apply(
    { ...classes[0], metadata: { name: 'fast' }, parameters: { type: 'fast' } },
    claim('fast', { storageClassName: 'fast' }),
    claim('block', { volumeMode: 'Block' }),
  );
  await says(
    'PersistentVolumeClaim',
    'fast',
    'ProvisioningFailed: failed to provision volume with StorageClass "fast": rpc error: code = InvalidArgument desc = folder.homeport.dev has no parameter "type"',
  );
  await says(
    'PersistentVolumeClaim',
    'block',
    /^ProvisioningFailed: .*folder.homeport.dev has no volumes of mode Block/,
  );
});

test('a claim that asks for more gets it, at once', async () => {
  await apply(claim('grows'));
  await bound('grows');
  await kubectl(['patch', 'pvc', 'grows', '-p', '{"spec":{"resources":{"requests":{"storage":"3Gi"}}}}']);
  await kubectl('wait pvc/grows --for=jsonpath={.status.capacity.storage}=3Gi --timeout=20s');
  const volume = await read('pvc grows', '{.spec.volumeName}');
  expect(await read(`pv ${volume}`, '{.spec.capacity.storage}')).toBe('3Gi');
  await says('PersistentVolumeClaim', 'grows', `Resizing: External resizer is resizing volume ${volume}`);
  await says('PersistentVolumeClaim', 'grows', 'VolumeResizeSuccessful: Resize volume succeeded');
  expect(JSON.parse(await read('pvc grows', '{.status}'))).toEqual({
    accessModes: ['ReadWriteOnce'],
    allocatedResources: { storage: '3Gi' },
    capacity: { storage: '3Gi' },
    phase: 'Bound',
  });
});

test('a snapshot is restored, a volume cloned; both live without what they came from', async () => {
  await apply(claim('original'));
  await bound('original');
  writeFileSync(join(await folderOf('original'), 'file'), 'first');
  await apply(snapshot('before', { persistentVolumeClaimName: 'original' }));
  await kubectl('wait volumesnapshot/before --for=jsonpath={.status.readyToUse}=true --timeout=20s');
  expect(await read('volumesnapshot before', '{.spec.volumeSnapshotClassName} {.status.restoreSize}')).toBe(
    'standard 1Gi',
  );
  await says('VolumeSnapshot', 'before', 'SnapshotReady: Snapshot default/before is ready to use.');
  writeFileSync(join(await folderOf('original'), 'file'), 'second');
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'before' };
  await apply(
    claim('restored', { dataSource }),
    claim('cloned', { dataSource: { kind: 'PersistentVolumeClaim', name: 'original' } }),
    claim('too-small', { dataSource }, '1Mi'),
  );
  await bound('restored');
  await bound('cloned');
  await says(
    'PersistentVolumeClaim',
    'too-small',
    /requested volume size 1048576 is less than the size 1073741824 for/,
  );
  await kubectl('delete pvc too-small original');
  await kubectl('delete volumesnapshot before');
  expect(await kubectl('get volumesnapshotcontent -o name')).toBe('');
  expect(readdirSync(join(homeport.dataDir, 'snapshots'))).toEqual([]);
  expect(readFileSync(join(await folderOf('restored'), 'file'), 'utf8')).toBe('first');
  expect(readFileSync(join(await folderOf('cloned'), 'file'), 'utf8')).toBe('second');
});

test('a snapshot that cannot be taken says why; one that is kept can be taken up again', async () => {
  await apply(snapshot('nothing', { persistentVolumeClaimName: 'nobody' }));
  await says(
    'VolumeSnapshot',
    'nothing',
    /^SnapshotContentCreationFailed: .*persistentvolumeclaims "nobody" not found/,
  );
  expect(await read('volumesnapshot nothing', '{.status.readyToUse}')).toBe('false');
  const both = snapshot('both', { persistentVolumeClaimName: 'a', volumeSnapshotContentName: 'b' });
  await expect(apply(both)).rejects.toThrow(
    'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set',
  );

  const kept = {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'kept' },
    ...{ driver: 'folder.homeport.dev', deletionPolicy: 'Retain' },
  };
  await apply(kept, claim('source'));
  await bound('source');
  const taken = snapshot('taken', { persistentVolumeClaimName: 'source' });
  await apply({ ...taken, spec: { ...taken.spec, volumeSnapshotClassName: 'kept' } });
  await kubectl('wait volumesnapshot/taken --for=jsonpath={.status.readyToUse}=true --timeout=20s');
  const content = await read('volumesnapshot taken', '{.status.boundVolumeSnapshotContentName}');
  const handle = await read(`volumesnapshotcontent ${content}`, '{.status.snapshotHandle}');
  await kubectl('delete volumesnapshot taken');
  expect(existsSync(join(homeport.dataDir, 'snapshots', handle))).toBe(true);
  await apply(
    {
      apiVersion: 'snapshot.storage.k8s.io/v1',
      kind: 'VolumeSnapshotContent',
      metadata: { name: 'found' },
      spec: {
        ...{ deletionPolicy: 'Delete', driver: 'folder.homeport.dev', source: { snapshotHandle: handle } },
        volumeSnapshotRef: { name: 'again', namespace: 'default' },
      },
    },
    snapshot('again', { volumeSnapshotContentName: 'found' }),
  );
  await kubectl('wait volumesnapshot/again --for=jsonpath={.status.readyToUse}=true --timeout=20s');
  await kubectl('delete volumesnapshot again nothing');
  await eventually('the snapshot to go', async () => !existsSync(join(homeport.dataDir, 'snapshots', handle)));
});

const { name: best } = await chooseRuntime('auto');

describe.runIf(best === 'linux')('in pods', () => {
  const mounted = (name: string) => ({ volumeMounts: [{ name, mountPath: `/${name}` }] });

  test('what is in a claim outlives its pods; a claim in use is held back', async () => {
    await apply(claim('data'));
    await bound('data');
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    await apply(pod('first', 'echo one >>/data/file; exec sleep 1000', { volumes }, mounted('data')));
    await ready('first');
    await kubectl('delete pvc data --wait=false');
    expect(await read('pvc data', '{.metadata.finalizers}')).toBe('["kubernetes.io/pvc-protection"]');
    await kubectl('delete pod first');
    await eventually('the claim to go', async () => (await kubectl('get pvc data --ignore-not-found')) === '');

    await apply(claim('data'));
    await bound('data');
    await apply(pod('second', 'echo two >>/data/file; exec sleep 1000', { volumes }, mounted('data')));
    await ready('second');
    await kubectl('delete pod second');
    await apply(pod('third', 'cat /data/file; exec sleep 1000', { volumes }, mounted('data')));
    await ready('third');
    expect(await kubectl('logs third')).toBe('two\n');
    await kubectl('delete pod third');
    await kubectl('delete pvc data');
  });

  test('fsGroup owns a claim, and read-only is read-only', async () => {
    await apply(claim('shared'));
    await bound('shared');
    writeFileSync(join(await folderOf('shared'), 'old'), 'old', { mode: 0o600 });
    const script =
      'id -G; stat -c %g:%a /rw /rw/old; touch /rw/new && stat -c %g /rw/new; touch /ro/x; exec sleep 1000';
    await apply(
      pod(
        'group',
        script,
        {
          securityContext: { runAsUser: 1000, fsGroup: 2000 },
          volumes: [
            { name: 'rw', persistentVolumeClaim: { claimName: 'shared' } },
            { name: 'ro', persistentVolumeClaim: { claimName: 'shared', readOnly: true } },
          ],
        },
        {
          volumeMounts: [
            { name: 'rw', mountPath: '/rw' },
            { name: 'ro', mountPath: '/ro' },
          ],
        },
      ),
    );
    await ready('group');
    const log = await eventually('the log', async () => {
      const text = await kubectl('logs group');
      return text.includes('/ro/x') && text;
    });
    expect(log).toContain('2000:2777\n2000:660\n2000\n');
    expect(log).toContain("touch: cannot touch '/ro/x': Read-only file system");
    await kubectl('delete pod group');
  });

  test('a pod that outgrows its emptyDir on disk is evicted', async () => {
    const volumes = [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }];
    const script = 'sleep 1; head -c 3000000 /dev/zero >/cache/big; exec sleep 1000';
    await apply(pod('greedy', script, { volumes }, mounted('cache')));
    await kubectl('wait pod/greedy --for=jsonpath={.status.phase}=Failed --timeout=30s');
    const message = 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ';
    expect(await read('pod greedy', '{.status.reason}: {.status.message}')).toBe(`Evicted: ${message}`);
    await says('Pod', 'greedy', `Evicted: ${message}`);
    await kubectl('delete pod greedy');
  });

  test('an emptyDir in memory ends at its limit', async () => {
    const volumes = [{ name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
    const script =
      'stat -f -c %T /memory; head -c 3000000 /dev/zero >/memory/big; stat -c %s /memory/big; exec sleep 1000';
    await apply(pod('small', script, { volumes }, mounted('memory')));
    await ready('small');
    const log = await eventually('the log', async () => {
      const text = await kubectl('logs small');
      return text.includes('1048576') && text;
    });
    expect(log).toContain('tmpfs\n');
    await kubectl('delete pod small');
  });
});
