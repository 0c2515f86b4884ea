// What of a pod's volumes is still there after kill -9 of Homeport, and after it was stopped and started again.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { driverName } from './support/csi-driver.ts';
import { startCsiProcess, untilKnown } from './support/csi-process.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildEmptyImage } from './support/images.ts';
import { ended, eventually } from './support/run.ts';

const image = 'survive:1';
const { name: best } = await chooseRuntime('auto');

const claim = (name: string, storageClassName: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName },
});
const storageClass = (name: string, provisioner: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  ...{ provisioner, volumeBindingMode: 'Immediate' },
});

const volumes = [
  { name: 'disk', emptyDir: {} },
  { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
  { name: 'claim', persistentVolumeClaim: { claimName: 'folder' } },
  { name: 'csi', persistentVolumeClaim: { claimName: 'csi' } },
  { name: 'config', configMap: { name: 'config' } },
];
const writable = ['disk', 'memory', 'claim', 'csi'];

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'keeper' },
  spec: {
    terminationGracePeriodSeconds: 1,
    nodeName: 'homeport',
    volumes,
    containers: [
      {
        name: 'main',
        image,
        command: ['sh', '-c', 'exec sleep 1000'],
        volumeMounts: volumes.map(({ name }) => ({ name, mountPath: `/${name}` })),
      },
    ],
  },
};
const config = (word: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'config' },
  data: { word },
});

const apply = (homeport: TestHomeport, ...items: object[]) =>
  homeport.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
const inPod = (homeport: TestHomeport, script: string) =>
  homeport.kubectl(['exec', 'keeper', '--', 'sh', '-c', script]);
const ready = (homeport: TestHomeport) => homeport.kubectl('wait pod keeper --for=condition=Ready --timeout=60s');
/** Which of the writable volumes have what was written into them. */
const kept = async (homeport: TestHomeport) =>
  (await inPod(homeport, `for name in ${writable.join(' ')}; do [ -e /$name/file ] && echo $name; done; true`))
    .trim()
    .split('\n');

describe.runIf(best === 'linux')('volumes', () => {
  test('outlive what they should, and no longer', { timeout: 180_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'homeport-survive-'));
    const first = await startHomeport(['--runtime', 'linux']);
    const driver = await startCsiProcess(first, folder);
    try {
      await buildEmptyImage(first, image);
      const setUp = [storageClass('now', 'folder.homeport.dev'), storageClass('csi', driverName), config('one')];
      await apply(first, ...setUp, claim('folder', 'now'), claim('csi', 'csi'));
      await first.kubectl('wait pvc --all --for=jsonpath={.status.phase}=Bound --timeout=30s');
      await apply(first, pod);
      await ready(first);
      await inPod(first, writable.map((name) => `echo kept >/${name}/file`).join('; '));

      first.process.kill('SIGKILL');
      await ended(first.process);
      const second = await startHomeport(['--runtime', 'linux'], first.dataDir);
      await untilKnown(second);
      await ready(second);
      expect(await second.kubectl('get pod keeper -o jsonpath={.status.containerStatuses[0].restartCount}')).toBe('0');
      expect(await kept(second), 'after kill -9').toEqual(writable);
      await apply(second, config('two'));
      await eventually('the pod to see it', async () => (await inPod(second, 'cat /config/word')) === 'two');
      await second.stop();

      const third = await startHomeport(['--runtime', 'linux'], first.dataDir);
      await untilKnown(third);
      await eventually('the pod to run again', async () => {
        const count = await third.kubectl('get pod keeper -o jsonpath={.status.containerStatuses[0].restartCount}');
        return Number(count) > 0;
      });
      await ready(third);
      expect(await kept(third), 'after a restart').toEqual(['disk', 'claim', 'csi']);
      await third.kubectl('delete pod keeper');
      expect(driver.calls.filter((call) => /^Node(Unpublish|Unstage)Volume/.test(call))).toHaveLength(2);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(first.dataDir);
      await apply(third, pod);
      await ready(third);
      expect(await kept(third), 'in another pod').toEqual(['claim', 'csi']);
      await third.kubectl('delete pod keeper');
      await third.stop();
    } finally {
      await driver.stop();
      await first.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
