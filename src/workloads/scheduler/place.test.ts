import { describe, expect, it } from 'vitest';
import type { Node, NodeSpec, Pod, PodSpec } from '../types.ts';
import { createCluster } from './cluster.ts';
import { place } from './place.ts';
import { requestsOf } from './resources.ts';

function node(
  name: string,
  {
    spec,
    labels,
    ready = 'True',
    cpu = '2',
  }: { spec?: NodeSpec; labels?: Record<string, string>; ready?: 'True' | 'False'; cpu?: string } = {},
): Node {
  const allocatable = { cpu, memory: '4Gi', pods: '110' };
  const conditions = [{ type: 'Ready', status: ready }];
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec, status: { allocatable, conditions } };
}

let uids = 0;

function pod(requests: Record<string, string> = {}, spec: Partial<PodSpec> = {}): Pod {
  uids += 1;
  const metadata = { name: `pod-${uids}`, namespace: 'a', uid: String(uids) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { containers: [{ name: 'c', resources: { requests } }], ...spec },
  };
}

function outcome(wanted: Pod, nodes: Node[], placed: Pod[] = []): unknown {
  const cluster = createCluster();
  for (const each of nodes) cluster.setNode(each);
  for (const each of placed) cluster.setPod(each);
  const result = place(wanted, cluster.nodes());
  return 'node' in result ? result.node : result.message;
}

const helpless = 'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';
const noVictims = 'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';

describe('placing a pod', () => {
  it('chooses the emptiest node', () => {
    const busy = pod({ cpu: '1' }, { nodeName: 'one' });
    expect(outcome(pod({ cpu: '100m' }), [node('one'), node('two')], [busy])).toBe('two');
  });

  it.each<[string, Pod, Node, string]>([
    ['cpu', pod({ cpu: '1500m' }), node('one'), `1 Insufficient cpu. ${noVictims}`],
    ['cpu of any size', pod({ cpu: '3' }), node('one'), `1 Insufficient cpu. ${helpless}`],
    ['a device', pod({ 'nvidia.com/gpu': '1' }), node('one'), `1 Insufficient nvidia.com/gpu. ${helpless}`],
    [
      'a label',
      pod({}, { nodeSelector: { disk: 'ssd' } }),
      node('one'),
      `1 node(s) didn't match Pod's node affinity/selector. ${helpless}`,
    ],
    [
      'toleration',
      pod(),
      node('one', { spec: { taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] } }),
      `1 node(s) had untolerated taint {gpu: a}. ${helpless}`,
    ],
    [
      'a ready node',
      pod(),
      node('one', { ready: 'False' }),
      `1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. ${helpless}`,
    ],
    [
      'an open node',
      pod(),
      node('one', { spec: { unschedulable: true } }),
      `1 node(s) were unschedulable. ${helpless}`,
    ],
  ])('says that it lacks %s', (_, wanted, only, message) => {
    const busy = pod({ cpu: '1' }, { nodeName: 'one' });
    expect(outcome(wanted, [only], [busy])).toBe(`0/1 nodes are available: ${message}`);
  });

  it('counts the same reason over nodes', () => {
    expect(outcome(pod({ cpu: '3' }), [node('one'), node('two')])).toBe(
      '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
    );
    expect(outcome(pod(), [])).toBe('no nodes available to schedule pods');
  });

  it('respects host ports, on all addresses and on one', () => {
    const ports = (hostIP?: string): Partial<PodSpec> => ({
      containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, hostIP }] }],
    });
    const taken = pod({}, { nodeName: 'one', ...ports('127.0.0.1') });
    expect(outcome(pod({}, ports('127.0.0.2')), [node('one')], [taken])).toBe('one');
    expect(outcome(pod({}, ports()), [node('one')], [taken])).toContain(
      "1 node(s) didn't have free ports for the requested pod ports",
    );
  });

  it('understands required node affinity', () => {
    const wanting = (operator: string, values?: string[]) =>
      pod(
        {},
        {
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator, values }] }],
              },
            },
          },
        },
      );
    const nodes = [node('one', { labels: { zone: 'a' } }), node('two', { labels: { zone: '7' } })];
    expect(outcome(wanting('In', ['a']), nodes)).toBe('one');
    expect(outcome(wanting('NotIn', ['a']), nodes)).toBe('two');
    expect(outcome(wanting('Gt', ['5']), nodes)).toBe('two');
    expect(outcome(wanting('DoesNotExist'), nodes)).toContain('2 node(s)');
  });

  it('tolerates by key, value, effect or altogether', () => {
    const tainted = node('one', { spec: { taints: [{ key: 'gpu', value: 'a', effect: 'NoExecute' }] } });
    const tolerating = (toleration: object) => outcome(pod({}, { tolerations: [toleration] }), [tainted]);
    expect(tolerating({ operator: 'Exists' })).toBe('one');
    expect(tolerating({ key: 'gpu', operator: 'Equal', value: 'a', effect: 'NoExecute' })).toBe('one');
    expect(tolerating({ key: 'gpu', operator: 'Equal', value: 'b' })).toContain('untolerated');
    expect(tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' })).toContain('untolerated');
  });
});

describe('what the scheduler knows of the cluster', () => {
  it('counts a pod once, from when it is assumed until it ends', () => {
    const cluster = createCluster();
    cluster.setNode(node('one'));
    const cpu = () => cluster.nodes()[0]?.requested.get('cpu');
    const one = pod({ cpu: '1' });
    cluster.assume(one, 'one');
    expect([cpu(), cluster.isAssumed(one)]).toEqual([1000, true]);
    const bound = { ...one, spec: { ...one.spec, containers: one.spec?.containers ?? [], nodeName: 'one' } };
    expect(cluster.setPod(bound)).toBe(false);
    expect([cpu(), cluster.isAssumed(one)]).toEqual([1000, false]);
    expect(cluster.setPod({ ...bound, status: { phase: 'Succeeded' } })).toBe(true);
    expect(cpu()).toBe(0);
  });

  it('takes an assumption back', () => {
    const cluster = createCluster();
    cluster.setNode(node('one'));
    const one = pod({ cpu: '1' });
    cluster.assume(one, 'one');
    cluster.forget(one);
    expect(cluster.nodes()[0]?.requested.get('cpu')).toBe(0);
  });

  it('knows the pods of a node that comes later', () => {
    const cluster = createCluster();
    cluster.setPod(pod({ cpu: '1' }, { nodeName: 'one' }));
    cluster.setNode(node('one'));
    expect(cluster.nodes()[0]?.requested.get('cpu')).toBe(1000);
  });
});

it('requests are those of containers and sidecars, or of the largest init container', () => {
  const container = (cpu: string, restartPolicy?: string) => ({
    name: 'c',
    restartPolicy,
    resources: { requests: { cpu } },
  });
  const cpuOf = (spec: Partial<PodSpec>) => requestsOf(pod({}, spec)).get('cpu');
  expect(cpuOf({ containers: [container('100m'), container('0.2')] })).toBe(300);
  expect(cpuOf({ containers: [container('100m')], initContainers: [container('1')] })).toBe(1000);
  expect(cpuOf({ containers: [container('100m')], initContainers: [container('50m', 'Always'), container('1')] })).toBe(
    1050,
  );
  expect(cpuOf({ containers: [container('100m')], overhead: { cpu: '10m' } })).toBe(110);
});
