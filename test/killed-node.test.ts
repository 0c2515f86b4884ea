// kill -9 of the whole process: the pods do not notice, and the next one finds them.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildEmptyImage } from './support/images.ts';
import { ended, eventually } from './support/run.ts';

const image = 'life:1';

interface Status {
  phase: string;
  podIP: string;
  containerStatuses: {
    containerID: string;
    restartCount: number;
    ready: boolean;
    state: { terminated?: { exitCode: number; message?: string } };
    lastState: { terminated?: { exitCode: number; message?: string } };
  }[];
}

async function statusOf(homeport: TestHomeport, pod: string): Promise<Status> {
  return JSON.parse(await homeport.kubectl(`get pod ${pod} -o json`)).status;
}

const pod = (name: string, script: string, more: object = {}, container: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 2,
    ...more,
    containers: [{ name: 'main', image, command: ['sh', '-c', script], ...container }],
  },
});

test('pods go on when Homeport is killed, and the next one takes them over', { timeout: 120_000 }, async () => {
  const first = await startHomeport(['--runtime', 'linux']);
  await buildEmptyImage(first, image);
  const count = 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.05; done';
  const mounted = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
  const volumes = [{ name: 'v', emptyDir: { medium: 'Memory' } }];
  const steps = [
    pod('counter', count, {}, { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }),
    pod(
      'ends',
      'until [ -e /v/go ]; do sleep 0.05; done; sleep 1; echo bye >/dev/termination-log; exit 7',
      { restartPolicy: 'Never', volumes },
      mounted,
    ),
    pod('leaves', 'trap "" TERM; while :; do sleep 0.1; done', { terminationGracePeriodSeconds: 6 }),
  ];
  await first.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: steps }),
  });
  await first.kubectl('wait pod --all --for=condition=Ready --timeout=60s');
  const before = await statusOf(first, 'counter');
  await first.kubectl('exec ends -- touch /v/go');
  await first.kubectl('delete pod leaves --wait=false');
  first.process.kill('SIGKILL');
  await ended(first.process);

  const second = await startHomeport(['--runtime', 'linux'], first.dataDir);
  const over = await eventually('the one that ended', async () => {
    const status = await statusOf(second, 'ends');
    return status.phase === 'Failed' && status;
  });
  expect(over.containerStatuses[0]?.state.terminated).toMatchObject({ exitCode: 7, message: 'bye\n' });
  await second.kubectl('wait pod leaves --for=delete --timeout=30s');
  await second.kubectl('wait pod counter --for=condition=Ready --timeout=30s');
  const after = await statusOf(second, 'counter');
  expect(after).toMatchObject({ podIP: before.podIP, phase: 'Running' });
  expect(after.containerStatuses).toMatchObject([
    { containerID: before.containerStatuses[0]?.containerID, restartCount: 0, ready: true, lastState: {} },
  ]);
  const said = await second.kubectl('logs counter');
  const numbers = said.trim().split('\n').map(Number);
  expect(numbers, 'every line is in the log, once').toEqual(numbers.map((_, at) => at + 1));
  await eventually(
    'the log to go on',
    async () => (await second.kubectl('logs counter --tail=1')).trim() !== String(numbers.at(-1)),
  );
  expect(await second.kubectl('exec counter -- echo here')).toBe('here\n');
  await second.kubectl(['exec', 'counter', '--', 'sh', '-c', 'kill 1; kill -9 -1'], {}).catch(() => undefined);
  await second.stop();
  expect(existsSync(`${first.dataDir}/node/sandboxes`)).toBe(true);
  await first.stop();
});
