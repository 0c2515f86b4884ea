// What a pod goes through on a node: hooks, probes, sidecars, ephemeral containers, and what its status says of it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildEmptyImage } from './support/images.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const image = 'life:1';

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'linux']);
  await buildEmptyImage(homeport, image);
});
afterAll(() => homeport.stop());

interface Status {
  phase?: string;
  observedGeneration?: number;
  conditions: { type: string; status: string; reason?: string; message?: string; observedGeneration?: number }[];
  containerStatuses: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  ephemeralContainerStatuses?: ContainerStatus[];
}

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state: Record<string, { reason?: string; message?: string; exitCode?: number }>;
  [field: string]: unknown;
}

/** Creates a pod. */
async function run(name: string, spec: object): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 10, ...spec },
  };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod) });
}

const shell = (name: string, text: string, more: object = {}) => ({
  name,
  image,
  command: ['sh', '-c', text],
  ...more,
});
const statusOf = async (name: string): Promise<Status> => JSON.parse(await kubectl(`get pod ${name} -o json`)).status;
const until = (name: string, passes: (status: Status) => boolean) =>
  eventually(`${name} to be as it should`, async () => {
    const status = await statusOf(name);
    return passes(status) && status;
  });
const condition = (status: Status, type: string) => status.conditions.find((each) => each.type === type);
const isReady = (status: Status) => condition(status, 'Ready')?.status === 'True';

/** The Events about a pod, each as 'REASON MESSAGE'. */
async function eventsOf(name: string): Promise<string[]> {
  const list = JSON.parse(await kubectl(`get events --field-selector involvedObject.name=${name} -o json`));
  return list.items.map((event: { reason: string; message: string }) => `${event.reason} ${event.message}`);
}
const event = (name: string, text: string) =>
  eventually(`the event ${text}`, async () => (await eventsOf(name)).includes(text));

/** Traps SIGTERM, so that it can be seen when it comes. */
const untilTerm = (then: string) => `trap '${then}; exit 0' TERM; while :; do sleep 0.05; done`;

test('postStart holds back what comes after; preStop runs within the grace period before SIGTERM', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  await run('hooks', {
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [
      shell('a-first', untilTerm('echo term >>/v/order'), {
        volumeMounts,
        lifecycle: {
          postStart: {
            exec: { command: ['sh', '-c', 'echo hook >>/v/order; until [ -e /v/go ]; do sleep 0.05; done'] },
          },
          preStop: { exec: { command: ['sh', '-c', 'echo stop >>/v/order'] } },
        },
      }),
      shell('b-second', untilTerm('until grep -q term /v/order; do sleep 0.05; done; cat /v/order; sleep 1'), {
        volumeMounts,
      }),
    ],
  });
  await event('hooks', 'Started Started container a-first');
  const held = await until('hooks', ({ containerStatuses }) => containerStatuses.length === 2);
  expect(held.containerStatuses.map(({ state }) => state['waiting']?.reason)).toEqual(
    Array(2).fill('ContainerCreating'),
  );
  await kubectl('exec hooks -c a-first -- touch /v/go');
  await until('hooks', isReady);
  const log = homeport.follow('logs -f hooks -c b-second');
  await kubectl('delete pod hooks --wait=false');
  await log.until('hook\nstop\nterm\n');
  await log.stop();
  await event('hooks', 'Killing Stopping container a-first');
  await kubectl('wait pod hooks --for=delete --timeout=20s');
});

test('a hook that fails is said so, and takes its container along', async () => {
  await run('bad-hook', {
    restartPolicy: 'Never',
    containers: [
      shell('main', untilTerm('true'), {
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo secret; exit 3'] } },
          preStop: { httpGet: { port: 9 } },
        },
      }),
    ],
  });
  await event('bad-hook', 'FailedPostStartHook PostStartHook failed');
  await event('bad-hook', 'Killing FailedPostStartHook');
  await event('bad-hook', 'FailedPreStopHook PreStopHook failed');
  expect((await eventsOf('bad-hook')).join()).not.toContain('secret');
  await until('bad-hook', ({ phase }) => phase === 'Succeeded');
});

test('a startup probe holds the others back; a liveness probe restarts, and says so', async () => {
  const server = `
    const http2 = require('http2'), fs = require('fs');
    const server = http2.createServer();
    server.on('stream', (stream) => {
      const status = fs.existsSync('/tmp/sick') ? 2 : 1;
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
    });
    server.listen(8080);`;
  const grpc = { grpc: { port: 8080 }, periodSeconds: 1 };
  await run('probed', {
    containers: [
      {
        name: 'main',
        image,
        command: ['node', '-e', server],
        startupProbe: { exec: { command: ['test', '-e', '/tmp/started'] }, periodSeconds: 1, failureThreshold: 60 },
        readinessProbe: grpc,
        livenessProbe: { ...grpc, failureThreshold: 1, terminationGracePeriodSeconds: 1 },
      },
    ],
  });
  await event('probed', 'Started Started container main');
  await until(
    'probed',
    ({ containerStatuses: [main] }) => main?.state['running'] !== undefined && main['started'] === false,
  );
  const early = await statusOf('probed');
  expect(condition(early, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [main]',
  });
  await kubectl('exec probed -- touch /tmp/started');
  await until('probed', isReady);
  await kubectl('exec probed -- touch /tmp/sick');
  await event('probed', 'Unhealthy Liveness probe failed: service unhealthy (responded with "NOT_SERVING")');
  await event('probed', 'Killing Container main failed liveness probe, will be restarted');
  await until('probed', ({ containerStatuses: [main] }) => main?.restartCount === 1);
  await kubectl('delete pod probed --now');
});

test('sidecars start in turn and end last, the last one first', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  const sidecar = (name: string) =>
    shell(name, `echo up-${name} >>/v/order; ${untilTerm(`echo down-${name} >>/v/order`)}`, {
      volumeMounts,
      restartPolicy: 'Always',
    });
  const hostPath = `${homeport.dataDir}/order`;
  await run('sidecars', {
    restartPolicy: 'Never',
    volumes: [{ name: 'v', hostPath: { path: hostPath, type: 'DirectoryOrCreate' } }],
    initContainers: [sidecar('one'), sidecar('two')],
    containers: [shell('main', 'echo main >>/v/order', { volumeMounts })],
  });
  const status = await until('sidecars', ({ phase }) => phase === 'Succeeded');
  expect(status.initContainerStatuses?.map(({ state }) => state['terminated']?.exitCode)).toEqual([0, 0]);
  expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' });
  const { readFileSync } = await import('node:fs');
  expect(readFileSync(`${hostPath}/order`, 'utf8')).toBe('up-one\nup-two\nmain\ndown-two\ndown-one\n');
});

test('kubectl debug adds a container, also one that sees the processes of another', async () => {
  await run('patient', { containers: [shell('main', 'exec sleep 54321')] });
  await until('patient', isReady);
  const look = 'until ps -ef | grep -v grep | grep "sleep 54321"; do sleep 0.1; done';
  await kubectl(['debug', 'patient', '--image', image, '-c', 'doctor', '--target', 'main', '--', 'sh', '-c', look]);
  const status = await until(
    'patient',
    ({ ephemeralContainerStatuses }) => ephemeralContainerStatuses?.[0]?.state['terminated'] !== undefined,
  );
  expect(status.ephemeralContainerStatuses).toMatchObject([
    { name: 'doctor', ready: false, restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
  ]);
  expect(await kubectl('logs patient -c doctor')).toContain('sleep 54321');
  await kubectl(['debug', 'patient', '--image', image, '-c', 'alone', '--', 'sh', '-c', 'ps -ef; hostname']);
  const alone = await eventually('its log', async () => {
    const { stdout } = await homeport.tryKubectl('logs patient -c alone');
    return stdout.includes('patient') && stdout;
  });
  expect(alone).not.toContain('54321');
  expect(isReady(await statusOf('patient'))).toBe(true);
  expect(
    await homeport.inTerminal(
      ['debug', '-it', 'patient', '--image', image, '--', 'sh', '-c', 'read x; echo got $x'],
      'yes\n',
    ),
  ).toContain('got yes');
  await kubectl('delete pod patient --now');
});

test('containers that share their processes see each other’s, and leave no zombies', async () => {
  await run('shared', {
    shareProcessNamespace: true,
    containers: [shell('one', 'exec sleep 65432'), shell('two', 'sh -c "sleep 0.2 & exec true"; exec sleep 76543')],
  });
  await until('shared', isReady);
  const list = await eventually('the orphan to be gone', async () => {
    const all = await kubectl('exec shared -c two -- ps -e -o stat=,args=');
    return !/sleep 0\.2|defunct/.test(all) && all;
  });
  expect(list).toContain('sleep 65432');
  expect(list).toContain('sleep infinity');
  await kubectl(['exec', 'shared', '-c', 'two', '--', 'sh', '-c', 'kill $(pgrep -fx "sleep 65432")']);
  await until('shared', ({ containerStatuses: [one] }) => one?.restartCount === 1);
  await kubectl('delete pod shared --now');
});

test('a status tells what runs, as whom, with which resources, and of which generation', async () => {
  await run('told', {
    readinessGates: [{ conditionType: 'example.com/gate' }],
    securityContext: { runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000 },
    containers: [
      shell('main', 'exec sleep 1000', { resources: { requests: { cpu: '10m' }, limits: { memory: '64Mi' } } }),
    ],
  });
  const status = await until('told', (each) => condition(each, 'ContainersReady')?.status === 'True');
  expect(condition(status, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate "example.com/gate" does not exist.',
    observedGeneration: 1,
  });
  expect(status).toMatchObject({ phase: 'Running', observedGeneration: 1, qosClass: 'Burstable' });
  expect(status.containerStatuses[0]).toMatchObject({
    started: true,
    resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '64Mi' } },
    allocatedResources: { cpu: '10m', memory: '64Mi' },
    user: { linux: { uid: 1000, gid: 2000, supplementalGroups: [2000, 3000] } },
  });
  await kubectl('delete pod told --now');
});

test('a resize changes what a container may use, without a restart unless it wants one', async () => {
  const resources = { requests: { cpu: '10m', memory: '32Mi' }, limits: { cpu: '100m', memory: '64Mi' } };
  const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }];
  await run('sized', { containers: [shell('main', 'exec sleep 1000', { resources, resizePolicy })] });
  await until('sized', isReady);
  const resize = (limits: object) =>
    kubectl([
      'patch',
      'pod',
      'sized',
      '--subresource',
      'resize',
      '-p',
      JSON.stringify({ spec: { containers: [{ name: 'main', resources: { limits } }] } }),
    ]);
  await resize({ memory: '96Mi' });
  const resized = await until('sized', ({ containerStatuses: [main] }) =>
    JSON.stringify(main?.['resources']).includes('96Mi'),
  );
  expect(resized.containerStatuses[0]).toMatchObject({
    restartCount: 0,
    resources: { limits: { memory: '96Mi', cpu: '100m' } },
  });
  await eventually('the event', async () =>
    (await eventsOf('sized')).some((each) => each.startsWith('ResizeCompleted ')),
  );
  await resize({ cpu: '200m' });
  await event('sized', 'Killing Container main resize requires restart');
  await until('sized', ({ containerStatuses: [main] }) => main?.restartCount === 1 && main.ready);
  await kubectl('delete pod sized --now');
});

test('what shields a container is there, refused, or said to be missing', async () => {
  const securityContext = { seccompProfile: { type: 'RuntimeDefault' } };
  await run('filtered', { securityContext, restartPolicy: 'Never', containers: [shell('main', 'true')] });
  await event(
    'filtered',
    'SeccompNotEnforced Container main runs without the seccomp profile RuntimeDefault: this node does not filter system calls',
  );
  await run('armored', {
    containers: [shell('main', 'true', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } })],
  });
  const refused = await until(
    'armored',
    ({ containerStatuses: [main] }) => main?.state['waiting']?.reason === 'CreateContainerConfigError',
  );
  expect(refused.containerStatuses[0]?.state['waiting']?.message).toBe(
    'this node does not support appArmorProfile of type RuntimeDefault in a container',
  );
  await kubectl('delete pod filtered armored --now');
});

test('a pod that is deleted shows how it ended before it is gone, and a shorter grace period counts at once', async () => {
  await run('stubborn', {
    terminationGracePeriodSeconds: 600,
    containers: [shell('main', "trap '' TERM; while :; do sleep 0.1; done")],
  });
  await until('stubborn', isReady);
  const watched = homeport.follow(
    'get pod stubborn -w -o jsonpath={.status.phase},{.status.containerStatuses[0].state.terminated.exitCode};',
  );
  await kubectl('delete pod stubborn --wait=false');
  await event('stubborn', 'Killing Stopping container main');
  const began = Date.now();
  await kubectl('delete pod stubborn --grace-period=1');
  expect(Date.now() - began).toBeLessThan(20_000);
  await watched.until('Failed,137;');
  await watched.stop();
});
