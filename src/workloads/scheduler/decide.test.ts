// What kube-scheduler 1.34 answers, word for word.
import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../types.ts';
import { node, pod, sceneOf } from './scheduler.testing.ts';

const preemption = 'no new claims to deallocate, preemption:';
const helpless = `${preemption} 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`;
const noVictims = `${preemption} 0/1 nodes are available: 1 No preemption victims found for incoming pod.`;
const tainted = { taints: [{ key: 'gpu', value: 'a', effect: 'NoSchedule' }] };

const required = (kind: 'podAffinity' | 'podAntiAffinity', app: string, topologyKey = 'zone'): Partial<PodSpec> => ({
  affinity: {
    [kind]: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { app } }, topologyKey }],
    },
  },
});

const spread = (constraint: object = {}): Partial<PodSpec> => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 's' } },
      ...constraint,
    },
  ],
});

const named = (...terms: string[][]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: terms.map((values) => ({ key: 'metadata.name', operator: 'In', values })) }],
      },
    },
  },
});

describe('one node', () => {
  it.each<[string, Pod, Parameters<typeof node>[1], string]>([
    ['cpu', pod({ cpu: '1500m' }), {}, `1 Insufficient cpu. ${noVictims}`],
    ['cpu of any size', pod({ cpu: '3' }), {}, `1 Insufficient cpu. ${helpless}`],
    ['a device', pod({ 'nvidia.com/gpu': '1' }), {}, `1 Insufficient nvidia.com/gpu. ${helpless}`],
    ['another pod', pod(), { allocatable: { pods: '1' } }, `1 Too many pods. ${noVictims}`],
    [
      'a label',
      pod({}, { nodeSelector: { disk: 'ssd' } }),
      {},
      `1 node(s) didn't match Pod's node affinity/selector. ${helpless}`,
    ],
    ['toleration', pod(), { spec: tainted }, `1 node(s) had untolerated taint {gpu: a}. ${helpless}`],
    [
      'a ready node',
      pod(),
      { ready: 'False' },
      `1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }. ${helpless}`,
    ],
    ['an open node', pod(), { spec: { unschedulable: true } }, `1 node(s) were unschedulable. ${helpless}`],
    ['the node it names', pod({}, named(['x'])), {}, `1 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${helpless}`],
    ['a node of two names', pod({}, named(['x'], ['y'])), {}, 'pod affinity terms conflict. not found'],
    [
      'devices by claim',
      pod({}, { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] }),
      {},
      'nothing allocates ResourceClaims here yet: ask for devices by extended resources. not found',
    ],
    ['a friend', pod({}, required('podAffinity', 'w')), {}, `1 node(s) didn't match pod affinity rules. ${helpless}`],
    [
      'a domain',
      pod({}, spread({ topologyKey: 'rack' })),
      {},
      `1 node(s) didn't match pod topology spread constraints (missing required label). ${helpless}`,
    ],
  ])('says that the pod lacks %s', (_, wanted, options, message) => {
    const busy = pod({ cpu: '1' }, { nodeName: 'one' });
    const { tell } = sceneOf([node('one', { ...options, labels: { zone: 'a' } })], [busy]);
    expect(tell(wanted)).toBe(`0/1 nodes are available: ${message}`);
  });
});

describe('several nodes', () => {
  const three = [
    node('n1', { labels: { zone: 'a' } }),
    node('n2', { labels: { zone: 'b' } }),
    node('n3', { labels: { zone: 'a' }, spec: tainted }),
  ];
  const message = (reasons: string, victims = '3 Preemption is not helpful for scheduling') =>
    `0/3 nodes are available: ${reasons}. ${preemption} 0/3 nodes are available: ${victims}.`;
  const two = '1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod';

  it('counts and sorts the reasons', () => {
    const { tell } = sceneOf(three);
    expect(tell(pod({ cpu: '3', memory: '10Gi', 'ephemeral-storage': '20Gi' }))).toBe(
      message(
        '1 node(s) had untolerated taint {gpu: a}, 2 Insufficient cpu, 2 Insufficient ephemeral-storage, 2 Insufficient memory',
      ),
    );
    expect(tell(pod({}, named(['n3'])))).toBe(
      message("1 node(s) had untolerated taint {gpu: a}, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]"),
    );
    expect(sceneOf([]).tell(pod())).toBe('no nodes available to schedule pods');
  });

  it('keeps pods apart, whichever of them says so', () => {
    const { tell } = sceneOf(three);
    const apart = () => pod({}, required('podAntiAffinity', 'w', 'kubernetes.io/hostname'), { app: 'w' });
    expect([tell(apart()), tell(apart())].sort()).toEqual(['n1', 'n2']);
    expect(tell(apart())).toBe(
      message("1 node(s) had untolerated taint {gpu: a}, 2 node(s) didn't match pod anti-affinity rules", two),
    );
    expect(tell(pod({}, {}, { app: 'w' }))).toBe(
      message(
        "1 node(s) had untolerated taint {gpu: a}, 2 node(s) didn't satisfy existing pods anti-affinity rules",
        two,
      ),
    );
    expect(tell(pod({}, {}, { app: 'x' }))).toMatch(/n[12]/);
  });

  it('brings pods together, and lets the first of them choose', () => {
    const { tell } = sceneOf(three);
    const together = () => pod({}, required('podAffinity', 'w'), { app: 'w' });
    const first = tell(together());
    expect(first).toMatch(/n[12]/);
    expect([tell(together()), tell(together())]).toEqual([first, first]);
    expect(tell(pod({}, required('podAffinity', 'w')))).toBe(first);
  });

  it('spreads pods over domains, and over as many as are wanted', () => {
    const { tell } = sceneOf(three);
    const one = () => pod({}, spread({ minDomains: 3 }), { app: 's' });
    expect([tell(one()), tell(one())].sort()).toEqual(['n1', 'n2']);
    expect(tell(one())).toBe(
      message("1 node(s) had untolerated taint {gpu: a}, 2 node(s) didn't match pod topology spread constraints", two),
    );
    expect(tell(pod({}, spread(), { app: 's' }))).toMatch(/n[12]/);
  });

  it('counts only the nodes that the pod may go to, unless told otherwise', () => {
    const only = { nodeSelector: { zone: 'a' } };
    const once = () => pod({}, { ...spread(), ...only }, { app: 's' });
    const { tell } = sceneOf(three.slice(0, 2));
    expect([tell(once()), tell(once())]).toEqual(['n1', 'n1']);
    const ignoring = pod({}, { ...spread({ nodeAffinityPolicy: 'Ignore' }), ...only }, { app: 's' });
    expect(tell(ignoring)).toContain("didn't match pod topology spread constraints");
  });

  it('keeps to one value of the keys that are to match', () => {
    const { tell } = sceneOf(three.slice(0, 2));
    const of = (version: string) => pod({}, spread({ matchLabelKeys: ['v'] }), { app: 's', v: version });
    expect([tell(of('1')), tell(of('1'))].sort()).toEqual(['n1', 'n2']);
    expect([tell(of('2')), tell(of('2'))].sort()).toEqual(['n1', 'n2']);
  });

  it('spreads replicas softly, without being told', () => {
    const nodes = Array.from({ length: 6 }, (_, index) =>
      node(`n${index}`, { labels: { 'topology.kubernetes.io/zone': `z${index % 3}` }, allocatable: { cpu: '64' } }),
    );
    const { place, cluster } = sceneOf(nodes, [], [], 'app=web');
    for (let index = 0; index < 12; index++) place(pod({ cpu: '10m' }, {}, { app: 'web' }));
    expect(cluster.nodes.map(({ pods }) => pods.size)).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('understands namespaces by name and by label', () => {
    const other = pod({}, { nodeName: 'n1' }, { app: 'w' });
    other.metadata.namespace = 'b';
    const away = (namespaces: object): Pod => {
      const term = { labelSelector: { matchLabels: { app: 'w' } }, topologyKey: 'zone', ...namespaces };
      return pod({}, { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } });
    };
    const tell = (wanted: Pod) => sceneOf(three.slice(0, 2), [other]).tell(wanted);
    expect(tell(away({}))).toContain("didn't match pod affinity rules");
    expect(tell(away({ namespaces: ['b'] }))).toBe('n1');
    expect(tell(away({ namespaceSelector: { matchLabels: { name: 'b' } } }))).toBe('n1');
    expect(tell(away({ namespaceSelector: { matchLabels: { name: 'c' } } }))).toContain("didn't match");
    expect(tell(away({ namespaceSelector: {} }))).toBe('n1');
  });
});

it('chooses the emptiest node, and the one that is preferred', () => {
  const nodes = [node('one', { labels: { disk: 'ssd' } }), node('two'), node('three')];
  const busy = [pod({ cpu: '1' }, { nodeName: 'one' }), pod({ cpu: '1' }, { nodeName: 'two' })];
  expect(sceneOf(nodes, busy).tell(pod({ cpu: '100m' }))).toBe('three');
  const preference = { matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] };
  const preferring = {
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference }] } },
  };
  expect(sceneOf(nodes, busy).tell(pod({ cpu: '100m' }, preferring))).toBe('one');
});

it('avoids nodes that would rather be left alone', () => {
  const spec = { taints: [{ key: 'a', effect: 'PreferNoSchedule' }] };
  const { tell } = sceneOf([node('one', { spec }), node('two')], [pod({ cpu: '1' }, { nodeName: 'two' })]);
  expect(tell(pod({ cpu: '100m' }))).toBe('two');
});

it('prefers nodes that have the image', () => {
  const having = node('one');
  having.status = { ...having.status, images: [{ names: ['web:1'], sizeBytes: 2e9 }] };
  const { tell } = sceneOf([having, node('two')]);
  expect(tell(pod({}, { containers: [{ name: 'c', image: 'web:1' }] }))).toBe('one');
});

it('respects host ports, on all addresses and on one', () => {
  const ports = (hostIP?: string): Partial<PodSpec> => ({
    containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, hostIP }] }],
  });
  const taken = pod({}, { nodeName: 'one', ...ports('127.0.0.1') });
  expect(sceneOf([node('one')], [taken]).tell(pod({}, ports('127.0.0.2')))).toBe('one');
  expect(sceneOf([node('one')], [taken]).tell(pod({}, ports()))).toBe(
    `0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ${noVictims}`,
  );
});

it('understands required node affinity', () => {
  const wanting = (operator: string, values?: string[]) => {
    const nodeSelectorTerms = [{ matchExpressions: [{ key: 'zone', operator, values }] }];
    return pod(
      {},
      { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } },
    );
  };
  const nodes = [node('one', { labels: { zone: 'a' } }), node('two', { labels: { zone: '7' } })];
  const { tell } = sceneOf(nodes);
  expect(tell(wanting('In', ['a']))).toBe('one');
  expect(tell(wanting('NotIn', ['a']))).toBe('two');
  expect(tell(wanting('Gt', ['5']))).toBe('two');
  expect(tell(wanting('DoesNotExist'))).toContain('2 node(s)');
});

it('tolerates by key, value, effect or altogether', () => {
  const spec = { taints: [{ key: 'gpu', value: 'a', effect: 'NoExecute' }] };
  const tolerating = (toleration: object) =>
    sceneOf([node('one', { spec })]).tell(pod({}, { tolerations: [toleration] }));
  expect(tolerating({ operator: 'Exists' })).toBe('one');
  expect(tolerating({ key: 'gpu', operator: 'Equal', value: 'a', effect: 'NoExecute' })).toBe('one');
  expect(tolerating({ key: 'gpu', operator: 'Equal', value: 'b' })).toContain('untolerated');
  expect(tolerating({ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' })).toContain('untolerated');
});
