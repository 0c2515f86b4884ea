// What pods use, through kubectl top: simulated pods say it in their annotations.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { eventually } from './support/run.ts';

let homeport: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => homeport.kubectl(args, options);

beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated', '--simulate-nodes', '2']);
});
afterAll(() => homeport.stop());

/** A pod of two containers that use this much each. */
const pod = (name: string, cpu: string, memory: string): string => `
apiVersion: v1
kind: Pod
metadata:
  name: ${name}
  labels: {app: ${name}}
  annotations: {kwok.x-k8s.io/usage-cpu: "${cpu}", kwok.x-k8s.io/usage-memory: "${memory}"}
spec:
  containers: [{name: a, image: i}, {name: b, image: i}]
---`;

/** The lines of a table, as words. */
const words = (table: string): string[][] =>
  table
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/));

describe('kubectl top', () => {
  beforeAll(async () => {
    await kubectl(['apply', '-f', '-'], { input: `${pod('busy', '200m', '64Mi')}${pod('idle', '5m', '8Mi')}` });
    await kubectl('wait --for=condition=Ready pod --all --timeout=30s');
  });

  test('pods, by what they use, by label, container by container', async () => {
    expect(words(await kubectl('top pods --sort-by=cpu --no-headers'))).toEqual([
      ['busy', '400m', '128Mi'],
      ['idle', '10m', '16Mi'],
    ]);
    expect(words(await kubectl('top pods -l app=idle --containers'))).toEqual([
      ['POD', 'NAME', 'CPU(cores)', 'MEMORY(bytes)'],
      ['idle', 'a', '5m', '8Mi'],
      ['idle', 'b', '5m', '8Mi'],
    ]);
    expect(words(await kubectl('top pod busy -n default --no-headers'))).toEqual([['busy', '400m', '128Mi']]);
    expect(words(await kubectl('get podmetrics busy --no-headers'))).toEqual([['busy', '400m', '128Mi', '10s']]);
    expect((await homeport.tryKubectl('top pod nobody')).stderr).toContain('pods "default/nobody" not found');
  });

  test('nodes: the machine, whatever runs on it, and what pods on simulated ones say', async () => {
    const placed = `${pod('placed', '250m', '32Mi').replace('spec:', 'spec:\n  nodeName: simulated-2')}`;
    await kubectl(['apply', '-f', '-'], { input: placed });
    await kubectl('wait --for=condition=Ready pod placed --timeout=30s');
    expect(words(await kubectl('top pod placed --no-headers'))).toEqual([['placed', '500m', '64Mi']]);
    expect((await homeport.tryKubectl('logs placed -c a')).stderr).toContain('node simulated-2 is simulated');
    const [, [name, cpu, share, memory] = [], first = [], second = []] = words(await kubectl('top nodes'));
    expect([first[0], second[0], second[1]]).toEqual(['simulated-1', 'simulated-2', expect.stringMatching(/^\d+m$/)]);
    expect(Number.parseInt(second[1] ?? '', 10)).toBeGreaterThanOrEqual(500);
    expect(name).toBe('homeport');
    expect(cpu).toMatch(/^\d+m$/);
    expect(share).toMatch(/^\d+%$/);
    expect(memory).toMatch(/^[1-9]\d*Mi$/);
  });
});

describe('kubectl autoscale', () => {
  /** A deployment whose pods use this much memory each, of the 100Mi that they ask for. */
  const deployment = (name: string, memory: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata:
      labels: {app: ${name}}
      annotations: {kwok.x-k8s.io/usage-memory: ${memory}}
    spec:
      containers: [{name: main, image: i, resources: {requests: {cpu: 100m, memory: 100Mi}}}]`;
  const conditions = (name: string) =>
    kubectl(`get hpa ${name} -o jsonpath={range.status.conditions[*]}{.type}={.status}/{.reason}{"\\n"}{end}`);

  test('gives a deployment the replicas that its usage asks for, within limits', async () => {
    await kubectl(['apply', '-f', '-'], { input: deployment('hungry', '120Mi') });
    await kubectl('rollout status deploy/hungry --timeout=30s');
    await kubectl('autoscale deployment hungry --memory=50% --min=1 --max=2');
    await kubectl('wait deploy/hungry --for=jsonpath={.spec.replicas}=2 --timeout=20s');
    await eventually('the table', async () => {
      const [hpa = []] = words(await kubectl('get hpa hungry --no-headers'));
      return hpa.slice(0, 6).join(' ') === 'hungry Deployment/hungry memory: 120%/50% 1 2';
    });
    expect(words(await conditions('hungry')).flat()).toEqual([
      'AbleToScale=True/SucceededRescale',
      'ScalingActive=True/ValidMetricFound',
      'ScalingLimited=True/TooManyReplicas',
    ]);
    const current = await kubectl('get hpa hungry -o jsonpath={.status.currentMetrics[0].resource}');
    expect(JSON.parse(current)).toEqual({
      name: 'memory',
      current: { averageUtilization: 120, averageValue: '120Mi' },
    });
    await kubectl('rollout status deploy/hungry --timeout=30s');
    const { stdout } = await homeport.homeport(['tree', 'deploy/hungry', '--usage']);
    expect(words(stdout).slice(0, 2)).toEqual([
      ['NAMESPACE', 'NAME', 'READY', 'STATUS', 'AGE', 'CPU', 'MEMORY'],
      ['default', 'Deployment/hungry', '2/2', '✓', 'Healthy', expect.any(String), '0m', '240Mi'],
    ]);
    await eventually('the event', async () =>
      (await kubectl('describe hpa hungry')).includes(
        'New size: 2; reason: memory resource utilization (percentage of request) above target',
      ),
    );
  });

  test('takes replicas away when its behaviour lets it, no faster', async () => {
    await kubectl(['apply', '-f', '-'], { input: `${deployment('idle-web', '10Mi')}` });
    await kubectl('scale deploy/idle-web --replicas=5');
    await kubectl('rollout status deploy/idle-web --timeout=30s');
    const hpa = `
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: idle-web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: idle-web}
  maxReplicas: 9
  metrics: [{type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 50Mi}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Pods, value: 1, periodSeconds: 600}]}}`;
    await kubectl(['apply', '-f', '-'], { input: hpa });
    // What there was before somebody looked counts as a recommendation.
    await eventually('the conditions', async () => (await conditions('idle-web')).includes('ScaleDownStabilized'));
    expect(await kubectl('get deploy idle-web -o jsonpath={.spec.replicas}')).toBe('5');
    await kubectl(['apply', '-f', '-'], { input: hpa.replace('Seconds: 300', 'Seconds: 0') });
    await kubectl('wait deploy/idle-web --for=jsonpath={.spec.replicas}=4 --timeout=20s');
    await eventually('the limit', async () =>
      (await conditions('idle-web')).includes('ScalingLimited=True/ScaleDownLimit'),
    );
    await eventually('the event', async () =>
      (await kubectl('describe hpa idle-web')).includes('New size: 4; reason: All metrics below target'),
    );
  });
});
