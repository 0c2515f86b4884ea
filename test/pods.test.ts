// Programs that really run: pods in namespaces of their own, reached by Service and Ingress, probed, restarted, rolled.
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);
const image = 'silly-demo:1.4.305';

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'linux']);
  for (const tag of [image, 'silly-demo:1.4.306']) {
    await buildDemoImage(homeport, tag);
  }
});
afterAll(() => homeport.stop());

/** A namespace with the example behind a Deployment, a Service and an Ingress, ready to answer. */
async function deployed(ns: string, replicas = 1): Promise<string> {
  await kubectl(['create', 'namespace', ns]);
  await kubectl(['-n', ns, 'apply', '-f', '-'], { input: manifest(ns, replicas) });
  await kubectl(`-n ${ns} rollout status deploy/web --timeout=60s`);
  return ns;
}

function manifest(ns: string, replicas: number): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: main
          image: ${image}
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
          livenessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
    - host: ${ns}.localhost
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}]}
`;
}

const firstPod = async (ns: string): Promise<string> =>
  (await kubectl(`-n ${ns} get pod -l app=web -o jsonpath={.items[0].metadata.name}`)).trim();

describe('an application', () => {
  let ns: string;
  beforeAll(async () => {
    ns = await deployed('app', 2);
  });

  test('answers by host name through Ingress, Service and EndpointSlice', async () => {
    const answer = await eventually('an answer', async () => {
      const response = await homeport.app(`${ns}.localhost`);
      return response.status === 200 && response;
    });
    expect(answer.text).toContain('1.4.305');
    expect((await homeport.app('nobody.localhost')).status).toBe(404);
    const slices = await kubectl(
      `-n ${ns} get endpointslices -l kubernetes.io/service-name=web -o jsonpath={..addresses}`,
    );
    expect(slices.match(/\d+\.\d+\.\d+\.\d+/g)).toHaveLength(2);
    const address = await kubectl(`-n ${ns} get svc web -o jsonpath={.spec.clusterIP}`);
    const pod = await firstPod(ns);
    const script = `fetch("http://${address}/").then(r=>r.text()).then(t=>console.log(t))`;
    expect(await kubectl(['-n', ns, 'exec', pod, '--', 'node', '-e', script])).toContain('1.4.305');
  });

  test('keeps what it is told', async () => {
    await homeport.app(`${ns}.localhost`, '/fibonacci?number=10').then(({ text }) => expect(text).toContain('55'));
    const posted = await homeport.app(`${ns}.localhost`, '/video?id=42&title=Answers', { method: 'POST' });
    expect(posted.status).toBeLessThan(300);
    await eventually('the video', async () =>
      (await homeport.app(`${ns}.localhost`, '/videos')).text.includes('Answers'),
    );
  });

  test('runs in namespaces of its own, on the image', async () => {
    const pod = await firstPod(ns);
    const exec = (...command: string[]) => kubectl(['-n', ns, 'exec', pod, '--', ...command]);
    const rootFolder = (await exec('ls', '/')).split('\n');
    expect(rootFolder).toEqual(expect.arrayContaining(['app', 'usr', 'proc']));
    expect((await exec('sh', '-c', 'ls -A /root /home /var/lib 2>/dev/null | grep -v :')).trim(), 'of the host').toBe(
      '',
    );
    expect(await exec('ls', '/app')).toContain('package.json');
    expect((await exec('hostname')).trim()).toBe(pod);
    expect(await exec('cat', '/proc/1/cmdline')).toContain('node');
    const podIp = await kubectl(`-n ${ns} get pod ${pod} -o jsonpath={.status.podIP}`);
    expect(await exec('ip', '-4', 'addr')).toContain(podIp);
    for (const kind of ['pid', 'mnt', 'uts', 'ipc', 'net']) {
      expect((await exec('readlink', `/proc/self/ns/${kind}`)).trim(), kind).not.toBe(
        readlinkSync(`/proc/self/ns/${kind}`),
      );
    }
    const denied = await homeport.tryKubectl(['-n', ns, 'exec', pod, '--', 'touch', '/usr/here']);
    expect(denied.stderr).toContain('Read-only file system');
  });
});

test('what a pod uses is measured', async () => {
  const ns = await deployed('usage');
  const used = await eventually('usage', async () => {
    const { stdout } = await homeport.tryKubectl(`-n ${ns} top pods --containers --no-headers`);
    return /main +(\d+)m +([1-9]\d*)Mi/.exec(stdout);
  });
  // A node program takes some tens of megabytes, and next to no CPU while nobody asks it for anything.
  expect(Number(used?.[2])).toBeLessThan(200);
  expect(Number(used?.[1])).toBeLessThan(900);
});

describe('from the terminal', () => {
  let ns: string;
  let pod: string;
  beforeAll(async () => {
    ns = await deployed('terminal');
    pod = await firstPod(ns);
  });

  test('logs: all, tail, since, timestamps, follow, previous', async () => {
    await homeport.app(`${ns}.localhost`, '/fibonacci?number=7');
    await eventually('the request in the log', async () =>
      (await kubectl(`-n ${ns} logs ${pod}`)).includes('/fibonacci'),
    );
    expect((await kubectl(`-n ${ns} logs ${pod} --tail=1`)).trimEnd().split('\n')).toHaveLength(1);
    expect(await kubectl(`-n ${ns} logs deploy/web --timestamps --tail=1`)).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z /,
    );
    expect(await kubectl(`-n ${ns} logs ${pod} --since=1h -c main`)).toContain('/fibonacci');
    const following = homeport.follow(`-n ${ns} logs -f ${pod} --tail=0`);
    await eventually('the followed log', async () => {
      await homeport.app(`${ns}.localhost`, '/fibonacci?number=11');
      return (
        (await Promise.race([
          following.until('number=11').then(() => true),
          new Promise((wake) => setTimeout(wake, 200)),
        ])) === true
      );
    });
    await following.stop();
    const none = await homeport.tryKubectl(`-n ${ns} logs ${pod} --previous`);
    expect(none.stderr).toContain('previous terminated container "main"');
  });

  test.each(['websocket', 'spdy'])('exec over %s: output, input, exit code, terminal', async (protocol) => {
    const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(protocol === 'websocket') };
    const exec = (args: string[], input?: string) =>
      homeport.tryKubectl(['-n', ns, 'exec', ...args], { env, ...(input === undefined ? {} : { input }) });
    expect(await exec([pod, '--', 'sh', '-c', 'echo out; echo err >&2'])).toEqual({
      code: 0,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await exec(['-i', pod, '--', 'sort'], 'b\na\n')).toMatchObject({ code: 0, stdout: 'a\nb\n' });
    const failed = await exec([pod, '--', 'sh', '-c', 'exit 7']);
    expect(failed).toMatchObject({ code: 7 });
    const large = 'x'.repeat(300_000);
    expect((await exec(['-i', pod, '--', 'cat'], large)).stdout).toHaveLength(large.length);
    expect((await exec([pod, '--', 'no-such-program'])).stderr).toMatch(/not found|no such file/i);
  });

  test('exec -it gives a terminal', async () => {
    const outcome = await homeport.inTerminal(
      [
        '-n',
        ns,
        'exec',
        '-it',
        pod,
        '--',
        'sh',
        '-c',
        'test -t 0 && echo a terminal of $(stty size); read answer; echo got $answer',
      ],
      'yes\n',
    );
    expect(outcome).toContain('a terminal of 30 100');
    expect(outcome).toContain('got yes');
  });

  test('cp there and back, binary', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'homeport-cp-'));
    try {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256));
      writeFileSync(join(folder, 'there'), bytes);
      await kubectl(['-n', ns, 'cp', join(folder, 'there'), `${pod}:/tmp/file`]);
      await kubectl(['-n', ns, 'cp', `${pod}:/tmp/file`, join(folder, 'back')]);
      expect(readFileSync(join(folder, 'back')).equals(bytes)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each(['websocket', 'spdy'])('port-forward over %s', async (protocol) => {
    const env = { KUBECTL_PORT_FORWARD_WEBSOCKETS: String(protocol === 'websocket') };
    const forward = homeport.follow(`-n ${ns} port-forward svc/web :80`, env);
    const port = /127\.0\.0\.1:(\d+)/.exec(await forward.until('Forwarding from 127.0.0.1'))?.[1];
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        fetch(`http://127.0.0.1:${port}/fibonacci?number=${index}`).then((r) => r.status),
      ),
    );
    expect(answers).toEqual([200, 200, 200, 200, 200]);
    await forward.stop();
  });
});

describe('what changes', () => {
  test('rolling update, history, undo and restart, always answering', async () => {
    const ns = await deployed('roll', 2);
    const codes: number[] = [];
    let asking = true;
    const asker = (async () => {
      while (asking) codes.push((await homeport.app(`${ns}.localhost`)).status);
    })();
    await kubectl(`-n ${ns} set image deploy/web main=silly-demo:1.4.306`);
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=60s`);
    asking = false;
    await asker;
    expect(new Set(codes)).toEqual(new Set([200]));
    expect((await homeport.app(`${ns}.localhost`)).text).toContain('1.4.306');
    expect(await kubectl(`-n ${ns} rollout history deploy/web`)).toMatch(/^1 .*\n2 /m);
    await kubectl(`-n ${ns} rollout undo deploy/web`);
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=60s`);
    expect((await homeport.app(`${ns}.localhost`)).text).toContain('1.4.305');
    const before = await firstPod(ns);
    await kubectl(`-n ${ns} rollout restart deploy/web`);
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=60s`);
    expect(await firstPod(ns)).not.toBe(before);
    expect(await kubectl(`-n ${ns} get events --field-selector reason=ScalingReplicaSet`)).toContain(
      'Scaled up replica set',
    );
  });

  test('a crash is restarted with back-off and its last words are kept', async () => {
    const ns = 'crash';
    await kubectl(`create namespace ${ns}`);
    await kubectl([
      '-n',
      ns,
      'run',
      'web',
      '--image',
      image,
      '--labels',
      'app=web',
      '--command',
      '--',
      'sh',
      '-c',
      'echo last words; exit 3',
    ]);
    const status = '-o jsonpath={.status.containerStatuses[0]}';
    const crashed = await eventually('the back-off', async () => {
      const found = JSON.parse((await kubectl(`-n ${ns} get pod web ${status}`)) || '{}') as CrashStatus;
      return found.state?.waiting?.reason === 'CrashLoopBackOff' && found;
    });
    expect(crashed.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(crashed.state.waiting?.message).toMatch(/^back-off \d+s restarting failed container=main|web pod=web_crash/);
    expect(await kubectl(`-n ${ns} logs web --previous`)).toBe('last words\n');
    expect(await kubectl(`-n ${ns} get pod web`)).toMatch(/CrashLoopBackOff/);
    await eventually('the event', async () =>
      (await kubectl(`-n ${ns} get events`)).includes('Back-off restarting failed container'),
    );
  });

  test('a failing liveness probe restarts, a failing readiness probe takes out of the Service', async () => {
    const ns = await deployed('probes');
    const pod = await firstPod(ns);
    await kubectl([
      '-n',
      ns,
      'patch',
      'deploy',
      'web',
      '--type=json',
      '-p',
      JSON.stringify([
        {
          op: 'replace',
          path: '/spec/template/spec/containers/0/livenessProbe',
          value: { exec: { command: ['test', '!', '-e', '/tmp/ill'] }, periodSeconds: 1, failureThreshold: 1 },
        },
        {
          op: 'replace',
          path: '/spec/template/spec/containers/0/readinessProbe',
          value: { exec: { command: ['test', '!', '-e', '/tmp/busy'] }, periodSeconds: 1, failureThreshold: 1 },
        },
      ]),
    ]);
    await kubectl(`-n ${ns} rollout status deploy/web --timeout=60s`);
    await eventually(
      'the new pod alone',
      async () =>
        (await firstPod(ns)) !== pod && (await kubectl(`-n ${ns} get pod -o name`)).trim().split('\n').length === 1,
    );
    const next = await firstPod(ns);
    await kubectl(['-n', ns, 'exec', next, '--', 'touch', '/tmp/busy']);
    await kubectl(`-n ${ns} wait pod/${next} --for=condition=Ready=false --timeout=20s`);
    await eventually('no endpoint', async () => (await homeport.app(`${ns}.localhost`)).status === 503);
    await kubectl(['-n', ns, 'exec', next, '--', 'sh', '-c', 'rm /tmp/busy; touch /tmp/ill']);
    await eventually('the restart', async () => {
      const count = await kubectl(`-n ${ns} get pod ${next} -o jsonpath={.status.containerStatuses[0].restartCount}`);
      return Number(count) >= 1;
    });
    expect(await kubectl(`-n ${ns} get events`)).toContain('Liveness probe failed');
  });

  test('a deleted Deployment takes its ReplicaSets, pods and processes with it', async () => {
    const ns = await deployed('gc');
    const pod = await firstPod(ns);
    await kubectl(`-n ${ns} delete deploy web`);
    await kubectl(`-n ${ns} wait pod/${pod} --for=delete --timeout=30s`);
    expect(await kubectl(`-n ${ns} get rs -o name`)).toBe('');
    await kubectl(`delete namespace ${ns} --timeout=30s`);
  });

  test('configuration and secrets reach the program, missing ones are named', async () => {
    const ns = 'config';
    await kubectl(`create namespace ${ns}`);
    const spec = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web' },
      spec: {
        containers: [
          {
            name: 'main',
            image,
            command: ['sh', '-c', 'echo $COLOUR $(cat /etc/settings/size) $POD; sleep 1000'],
            env: [
              { name: 'COLOUR', valueFrom: { secretKeyRef: { name: 'paint', key: 'colour' } } },
              { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            ],
            volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }],
          },
        ],
        volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
        terminationGracePeriodSeconds: 1,
      },
    };
    await kubectl(`-n ${ns} create configmap settings --from-literal=size=3`);
    await kubectl(['-n', ns, 'apply', '-f', '-'], { input: JSON.stringify(spec) });
    await eventually('the reason', async () =>
      (await kubectl(`-n ${ns} get pod web`)).includes('CreateContainerConfigError'),
    );
    await kubectl(`-n ${ns} create secret generic paint --from-literal=colour=green`);
    await eventually('the words', async () => (await kubectl(`-n ${ns} logs web`)) === 'green 3 web\n', 60_000);
  });
});

interface CrashStatus {
  state: { waiting?: { reason: string; message: string } };
  lastState: { terminated: { exitCode: number; reason: string } };
}
