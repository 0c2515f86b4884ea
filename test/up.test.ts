// What `npm start` promises: where it is, who may come in, how it stops, and what survives a kill.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeForeignCertificates } from './support/certificates.ts';
import { homeport, startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { ended, eventually, run } from './support/run.ts';
import { root } from './support/tools.ts';

let dataDir: string;
const running: TestHomeport[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'homeport-up-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(...flags: string[]): Promise<TestHomeport> {
  const started = await startHomeport(flags, dataDir);
  running.push(started);
  return started;
}

/** How long the endless programs of this file's pods sleep at a time: what tells them from all others. */
const nap = String(100_000 + process.pid);

const sleeper = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'sleeper' },
  spec: {
    containers: [
      { name: 'main', image: 'silly-demo:1', command: ['sh', '-c', `trap "" TERM; while :; do sleep ${nap}; done`] },
    ],
  },
});

/** Pids of the programs that `sleeper` started, the shell and the sleep. */
function sleepers(): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(nap));
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    // It ended between the two looks.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

async function runSleeper(instance: TestHomeport): Promise<void> {
  await buildDemoImage(instance, 'silly-demo:1');
  await instance.kubectl('create -f -', { input: sleeper });
  await instance.kubectl('wait pod/sleeper --for=condition=Ready --timeout=30s');
  expect(sleepers()).not.toEqual([]);
}

describe('what it says', () => {
  test('the banner tells the five things', async () => {
    const instance = await start('--runtime', 'simulated');
    const { status } = instance;
    const shown = await eventually('the banner', async () => instance.banner.includes('Stop') && instance.banner);
    expect(shown).toContain(status.api);
    expect(shown).toContain(`export KUBECONFIG=${dataDir}/kubeconfig`);
    expect(shown).toContain(`http://NAME.localhost:${new URL(status.apps).port}`);
    expect(shown).toContain('demo');
    expect(shown).toMatch(/is up.*\(\d+\.\d+ s\)/);
  });

  test('goes on, and stops in order, when nobody reads it any more', async () => {
    const { process: platform } = await start('--runtime', 'simulated');
    platform.stdout?.destroy();
    platform.kill('SIGTERM');
    await ended(platform);
    expect(platform.exitCode).toBe(0);
    expect(existsSync(join(dataDir, 'status.json'))).toBe(false);
  });

  test('status for scripts, running and not', async () => {
    const before = await homeport(['status', '-o', 'json', '--data', dataDir]);
    expect(before.code).toBe(1);
    expect(JSON.parse(before.stdout)).toMatchObject({ ready: false, pid: null, dataDir });
    const instance = await start('--runtime', 'simulated');
    const now = await instance.homeport(['status', '-o', 'json']);
    expect(now.code).toBe(0);
    expect(JSON.parse(now.stdout)).toEqual({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      pid: instance.process.pid,
      ready: true,
      api: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      kubeconfig: join(dataDir, 'kubeconfig'),
      apps: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      registry: expect.stringMatching(/^registry\.localhost:\d+$/),
      dataDir,
      capabilities: ['compose'],
    });
    expect((await instance.homeport(['status'])).stdout).toContain('is ready');
  });

  test('a second start on the same data says that it runs, and where', async () => {
    const instance = await start('--runtime', 'simulated');
    const second = await homeport(['up', '--data', dataDir]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('already running');
    expect(second.stderr).toContain(instance.status.api);
    await instance.kubectl('get ns');
  });

  test('a data directory that cannot be used is one line that says what to do', async () => {
    const file = join(dataDir, 'file');
    writeFileSync(file, '');
    expect(await homeport(['up', '--data', file])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: `error: the data directory ${file} cannot be used: it is a file, not a folder; choose another: --data DIR\n`,
    });
  });

  test('a database cut short is one line that says what to do', async () => {
    const flags = ['--runtime', 'simulated', '--secure-port', '0', '--apps-port', '0'];
    await (await start('--runtime', 'simulated')).stop();
    truncateSync(join(dataDir, 'db', 'objects.mdb'), 5_000);
    const launcher = [join(root, 'scripts', 'run.mjs'), 'up', '--data', dataDir, ...flags];
    const { code, stderr } = await run(process.execPath, launcher);
    expect(stderr).toMatch(/^error: .*database.*\n$/);
    expect(code).toBe(1);
  });

  test('wrong flags and files are named', async () => {
    expect((await homeport(['up', '--data', dataDir, '--secure-port', 'x'])).stderr).toContain(
      '--secure-port must be a port',
    );
    const file = join(dataDir, 'homeport.yaml');
    writeFileSync(file, 'apiVersion: homeport.dev/v1alpha1\nkind: Configuration\nspec: {securePrt: 1}');
    expect((await homeport(['up', '--config', file])).stderr).toContain('unknown field spec.securePrt');
  });
});

/** What makes kubectl come without the kubeconfig and its certificate. */
const stranger = ({ status }: TestHomeport): string[] => [
  ...['--kubeconfig', '/dev/null', '--server', status.api, '--insecure-skip-tls-verify'],
];

describe('who may come in', () => {
  test('only with the certificate in a kubeconfig of mode 0600, only over loopback', async () => {
    const instance = await start('--runtime', 'simulated');
    const { status } = instance;
    expect(statSync(status.kubeconfig).mode & 0o777).toBe(0o600);
    const { port } = new URL(status.api);
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) await expect(reach(address, Number(port))).rejects.toThrow('ECONNREFUSED');
    const anonymous = await instance.tryKubectl([...stranger(instance), 'get', 'ns', '--token', 'wrong']);
    expect(anonymous.stderr).toMatch(/Unauthorized|must be logged in/);
  });

  test('a token file and an authorization mode, as kube-apiserver reads them', async () => {
    const file = join(dataDir, 'tokens.csv');
    writeFileSync(file, 'sesame,ali,42,"thieves,readers"\n');
    const instance = await start(
      '--runtime',
      'simulated',
      '--token-auth-file',
      file,
      '--service-cluster-ip-range',
      '10.111.0.0/24',
    );
    const ali = [...stranger(instance), '--token', 'sesame'];
    const who = await instance.kubectl([...ali, 'auth', 'whoami', '-o', 'json']);
    expect(JSON.parse(who)).toMatchObject({
      status: { userInfo: { username: 'ali', uid: '42', groups: ['thieves', 'readers', 'system:authenticated'] } },
    });
    expect((await instance.tryKubectl([...ali, 'get', 'pods'])).stderr).toContain(
      'User "ali" cannot list resource "pods"',
    );
    await instance.kubectl('create clusterrolebinding readers --clusterrole=view --group=readers');
    await eventually('the right to read', async () => (await instance.tryKubectl([...ali, 'get', 'pods'])).code === 0);
    expect(await instance.kubectl('get svc kubernetes -o jsonpath={.spec.clusterIP}')).toBe('10.111.0.1');
  });

  test('AlwaysAllow asks nobody', async () => {
    const file = join(dataDir, 'tokens.csv');
    writeFileSync(file, 'sesame,ali,42\n');
    const instance = await start(
      '--runtime',
      'simulated',
      '--token-auth-file',
      file,
      '--authorization-mode',
      'AlwaysAllow',
    );
    const ali = [...stranger(instance), '--token', 'sesame'];
    await instance.kubectl([...ali, 'create', 'namespace', 'cave']);
  });

  test('certificates of another authority, when it is named', async () => {
    await writeForeignCertificates(dataDir);
    const instance = await start('--runtime', 'simulated', '--client-ca-file', join(dataDir, 'ca.crt'));
    const ada = ['--client-certificate', join(dataDir, 'ada.crt'), '--client-key', join(dataDir, 'ada.key')];
    const who = await instance.kubectl([...stranger(instance), ...ada, 'auth', 'whoami', '-o', 'json']);
    expect(JSON.parse(who)).toMatchObject({
      status: { userInfo: { username: 'ada', groups: ['engineers', 'system:authenticated'] } },
    });
  });
});

function reach(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve();
    });
    socket.on('error', reject);
  });
}

describe('how it ends', () => {
  test('Ctrl-C stops everything within five seconds, pods included, and the next start has it all again', async () => {
    const first = await start('--runtime', 'linux');
    await runSleeper(first);
    const from = Date.now();
    first.process.kill('SIGINT');
    await ended(first.process);
    expect(Date.now() - from).toBeLessThan(5000);
    expect(sleepers()).toEqual([]);
    expect(first.process.exitCode).toBe(0);
    const again = await start('--runtime', 'linux');
    await again.kubectl('wait pod/sleeper --for=condition=Ready --timeout=30s');
    await eventually('the program to run again', async () => sleepers().length > 0);
  });

  test('after kill -9 every acknowledged object is there, and pods go on as if nothing had been', async () => {
    const first = await start('--runtime', 'linux');
    await runSleeper(first);
    const writes = Array.from({ length: 40 }, (_, index) =>
      first.tryKubectl(`create configmap c${index} --from-literal=a=b`),
    );
    await Promise.race(writes);
    await Promise.all(writes.slice(0, 10));
    first.process.kill('SIGKILL');
    await ended(first.process);
    const acknowledged = (await Promise.all(writes)).flatMap(({ code }, index) =>
      code === 0 ? [`configmap/c${index}`] : [],
    );
    const left = sleepers();
    expect(left).not.toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(10);
    const again = await start('--runtime', 'linux');
    expect((await again.kubectl('get configmap -o name')).split('\n')).toEqual(expect.arrayContaining(acknowledged));
    await again.kubectl('wait pod/sleeper --for=condition=Ready --timeout=30s');
    expect(sleepers()).toEqual(left);
    again.process.kill('SIGTERM');
    await ended(again.process);
    expect(sleepers()).toEqual([]);
  });
});
