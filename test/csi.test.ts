// A CSI driver in a process of its own, behind its socket: what it is asked, in which order, and what comes of it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { driverName } from './support/csi-driver.ts';
import { type CsiProcess, startCsiProcess } from './support/csi-process.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildEmptyImage } from './support/images.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
let driver: CsiProcess;
let folder: string;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const image = 'csi:1';

const storage = (kind: string, name: string, fields: object) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind,
  metadata: { name },
  ...fields,
});
const csiDriver = storage('CSIDriver', driverName, {
  spec: { attachRequired: true, podInfoOnMount: true, volumeLifecycleModes: ['Persistent', 'Ephemeral'] },
});
const secretOf = (purpose: string) => ({
  [`csi.storage.k8s.io/${purpose}-secret-name`]: '${pvc.name}-secret',
  [`csi.storage.k8s.io/${purpose}-secret-namespace`]: '${pvc.namespace}',
});
const storageClass = (name: string, parameters: Record<string, string> = {}) =>
  storage('StorageClass', name, {
    ...{ provisioner: driverName, volumeBindingMode: 'Immediate', allowVolumeExpansion: true, parameters },
  });

beforeAll(async () => {
  homeport = await startHomeport();
  folder = mkdtempSync(join(tmpdir(), 'homeport-csi-'));
  driver = await startCsiProcess(homeport, folder);
  await buildEmptyImage(homeport, image);
  const fsType = { 'csi.storage.k8s.io/fstype': 'ext4' };
  await apply(csiDriver, storageClass('csi', fsType), storageClass('full', { full: 'yes' }));
  await apply(storageClass('secret', { ...secretOf('provisioner'), ...secretOf('node-publish'), secret: 'yes' }));
});
afterAll(async () => {
  await homeport.stop();
  await driver.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The requests of a call about a volume or a snapshot, as they came. */
const requestsOf = (call: string, id: string): Record<string, unknown>[] =>
  driver.calls
    .filter((line) => line.startsWith(`${call} `) && line.includes(id))
    .map((line) => JSON.parse(line.slice(call.length)));
const namesOf = (id: string): string[] =>
  driver.calls.filter((line) => line.includes(id)).map((line) => line.slice(0, line.indexOf(' ')));

const apply = (...items: object[]) =>
  kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
const read = (what: string, path: string) => kubectl(['get', ...what.split(' '), '-o', `jsonpath=${path}`]);
const bound = (name: string) => kubectl(`wait pvc/${name} --for=jsonpath={.status.phase}=Bound --timeout=20s`);
const ready = (name: string) => kubectl(`wait pod/${name} --for=condition=Ready --timeout=30s`);
const volumeOf = (name: string) => read(`pvc ${name}`, '{.spec.volumeName}');
const says = (name: string, text: string) =>
  eventually(`${name} to say ${text}`, async () => {
    const fields = `involvedObject.name=${name}`;
    return (
      await kubectl(['get', 'events', '--field-selector', fields, '-o', 'jsonpath={.items[*].message}'])
    ).includes(text);
  });

const claim = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'csi',
    ...spec,
  },
});

const pod = (name: string, script: string, volume: object, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    nodeName: 'homeport',
    volumes: [{ name: 'data', ...volume }],
    containers: [
      { name: 'main', image, command: ['sh', '-c', script], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
    ],
    ...spec,
  },
});

test('a driver that comes is in CSINode, and its topology on the Node', async () => {
  expect(JSON.parse(await read('csinode homeport', '{.spec.drivers}'))).toEqual([
    { name: driverName, nodeID: 'node-of-test', topologyKeys: ['test.csi/zone'], allocatable: { count: 7 } },
  ]);
  expect(await read('node homeport', '{.metadata.labels.test\\.csi/zone}')).toBe('z1');
});

test('a claim is made by the driver, and deleted by it', async () => {
  await apply(claim('made'));
  await bound('made');
  const name = await volumeOf('made');
  const { spec } = JSON.parse(await kubectl(`get pv ${name} -o json`));
  expect(spec).toMatchObject({
    capacity: { storage: '1Gi' },
    csi: { driver: driverName, fsType: 'ext4', volumeHandle: `id-${name}`, volumeAttributes: { made: 'by-test' } },
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'test.csi/zone', operator: 'In', values: ['z1'] }] }],
      },
    },
  });
  expect(requestsOf('CreateVolume', name)).toMatchObject([
    {
      name,
      capacityRange: { requiredBytes: 1 << 30 },
      volumeCapabilities: [{ mount: { fsType: 'ext4' }, accessMode: { mode: 1 } }],
      accessibilityRequirements: { requisite: [{ segments: { 'test.csi/zone': 'z1' } }] },
    },
  ]);
  await kubectl('delete pvc made');
  await eventually('the volume to go', async () => (await kubectl(`get pv ${name} --ignore-not-found`)) === '');
  expect(requestsOf('DeleteVolume', name)).toMatchObject([{ volumeId: `id-${name}` }]);
});

test('what it refuses is said; secrets reach it', async () => {
  await apply(claim('refused', { storageClassName: 'full' }), claim('locked', { storageClassName: 'secret' }));
  await says('refused', 'rpc error: code = OutOfRange desc = there is no room left');
  await says('locked', 'error getting secret locked-secret in namespace default: secrets "locked-secret" not found');
  await kubectl('create secret generic locked-secret --from-literal=password=open');
  await bound('locked');
  expect(requestsOf('CreateVolume', await volumeOf('locked')).at(-1)).toMatchObject({
    parameters: { secret: 'yes' },
    secrets: { password: 'open' },
  });
  const { csi } = JSON.parse(await read(`pv ${await volumeOf('locked')}`, '{.spec}'));
  expect(csi.nodePublishSecretRef).toEqual({ name: 'locked-secret', namespace: 'default' });
});

test('snapshots, restores and clones', async () => {
  await apply(claim('source'), {
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'csi' },
    ...{ driver: driverName, deletionPolicy: 'Delete' },
  });
  await bound('source');
  const handle = `id-${await volumeOf('source')}`;
  writeFileSync(join(folder, 'volumes', handle, 'file'), 'content');
  await apply({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: { name: 'shot' },
    spec: { volumeSnapshotClassName: 'csi', source: { persistentVolumeClaimName: 'source' } },
  });
  await kubectl('wait volumesnapshot/shot --for=jsonpath={.status.readyToUse}=true --timeout=20s');
  const dataSource = { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'shot' };
  await apply(
    claim('restored', { dataSource }),
    claim('cloned', { dataSource: { kind: 'PersistentVolumeClaim', name: 'source' } }),
  );
  for (const name of ['restored', 'cloned']) {
    await bound(name);
    expect(readFileSync(join(folder, 'volumes', `id-${await volumeOf(name)}`, 'file'), 'utf8')).toBe('content');
  }
  await kubectl('delete volumesnapshot shot');
  await eventually('the snapshot to be deleted', async () =>
    driver.calls.some((line) => line.startsWith('DeleteSnapshot ')),
  );
});

const { name: best } = await chooseRuntime('auto');

describe.runIf(best === 'linux')('in pods', () => {
  test('attached, staged, published, grown while it runs, and taken back in the reverse order', async () => {
    await apply(claim('used'));
    await bound('used');
    const name = await volumeOf('used');
    const id = `id-${name}`;
    const volume = { persistentVolumeClaim: { claimName: 'used' } };
    const group = { securityContext: { fsGroup: 3000 } };
    await apply(pod('first', 'echo one >/data/file; stat -c %g /data/file; exec sleep 1000', volume, group));
    await ready('first');
    expect(await kubectl('logs first')).toBe('3000\n');
    expect(readFileSync(join(folder, 'volumes', id, 'file'), 'utf8')).toBe('one\n');
    await says('first', `AttachVolume.Attach succeeded for volume "${name}"`);
    expect(await kubectl('get volumeattachment -o jsonpath={.items[*].status}')).toBe(
      '{"attached":true,"attachmentMetadata":{"device":"/dev/pretended"}}',
    );
    expect(requestsOf('NodePublishVolume', id)).toMatchObject([
      {
        publishContext: { device: '/dev/pretended' },
        volumeContext: {
          made: 'by-test',
          'csi.storage.k8s.io/pod.name': 'first',
          'csi.storage.k8s.io/ephemeral': 'false',
        },
        volumeCapability: { mount: { fsType: 'ext4' } },
      },
    ]);

    await kubectl(['patch', 'pvc', 'used', '-p', '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}']);
    await kubectl('wait pvc/used --for=jsonpath={.status.capacity.storage}=2Gi --timeout=20s');
    expect(requestsOf('NodeExpandVolume', id)).toMatchObject([{ capacityRange: { requiredBytes: 2 * 1024 ** 3 } }]);
    await says('first', `MountVolume.NodeExpandVolume succeeded for volume "${name}" homeport`);

    await apply(pod('second', 'cat /data/file; exec sleep 1000', volume));
    await ready('second');
    await kubectl('delete pod first');
    expect(namesOf(id)).not.toContain('NodeUnstageVolume');
    expect(await kubectl('logs second')).toBe('one\n');
    await kubectl('delete pod second');
    await eventually('the volume to be detached', async () => (await kubectl('get volumeattachment -o name')) === '');
    expect(namesOf(id).filter((call) => !call.includes('CreateVolume'))).toEqual([
      'ControllerPublishVolume',
      'NodeStageVolume',
      'NodePublishVolume',
      'ControllerExpandVolume',
      'NodeExpandVolume',
      'NodeStageVolume',
      'NodePublishVolume',
      'NodeUnpublishVolume',
      'NodeUnpublishVolume',
      'NodeUnstageVolume',
      'ControllerUnpublishVolume',
    ]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(homeport.dataDir);
    expect(readFileSync(join(folder, 'volumes', id, 'file'), 'utf8')).toBe('one\n');
  });

  test('an inline volume is made for its pod, and goes with it', async () => {
    const inline = { csi: { driver: driverName, volumeAttributes: { colour: 'blue' } } };
    await apply(pod('inline', 'touch /data/file; exec sleep 1000', inline));
    await ready('inline');
    const published = driver.calls.filter((line) => line.startsWith('NodePublishVolume ') && line.includes('blue'));
    expect(published).toHaveLength(1);
    expect(published[0]).toContain('"csi.storage.k8s.io/ephemeral":"true"');
    await kubectl('delete pod inline');
  });

  test('a driver that is away is waited for, and said to be', async () => {
    await apply(claim('away'));
    await bound('away');
    await driver.stop();
    rmSync(join(homeport.dataDir, 'plugins_registry', 'test.sock'), { force: true });
    await eventually(
      'the driver to be gone',
      async () => !(await kubectl('get csinode homeport -o jsonpath={.spec.drivers}')).includes(driverName),
    );
    await apply(pod('waits', 'exec sleep 1000', { persistentVolumeClaim: { claimName: 'away' } }));
    await says('waits', `driver name ${driverName} not found in the list of registered CSI drivers`);
    driver = await startCsiProcess(homeport, folder);
    await ready('waits');
    await kubectl('delete pod waits');
  });

  test('what is no driver among the sockets is left alone', async () => {
    const registry = join(homeport.dataDir, 'plugins_registry');
    mkdirSync(join(registry, 'folder'));
    writeFileSync(join(registry, 'file'), '');
    const stranger = createServer((socket) => socket.end('hello')).listen(join(registry, 'stranger.sock'));
    try {
      await eventually('the log to say so', async () =>
        readFileSync(join(homeport.dataDir, 'homeport.log'), 'utf8').includes('stranger.sock'),
      );
      expect(await read('csinode homeport', '{.spec.drivers[*].name}')).toBe(driverName);
    } finally {
      stranger.close();
    }
  });
});
