import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import type { Client, ListOptions } from '../client/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { clientSource, ownershipTree, renderTree, treeJson, withUsage } from './index.ts';
import { memorySource } from './memory-source.ts';

const now = new Date('2024-05-01T10:05:00Z');

function make(kind: string, name: string, owner?: KubeObject, more: Partial<KubeObject> = {}): KubeObject {
  const { apiVersion = '', kind: ownerKind = '', metadata } = owner ?? {};
  return {
    apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
    kind,
    metadata: {
      name,
      namespace: 'a-team',
      uid: `uid-${kind}-${name}`,
      creationTimestamp: '2024-05-01T10:00:00Z',
      ...(metadata
        ? {
            ownerReferences: [
              { apiVersion, kind: ownerKind, name: metadata.name, uid: metadata.uid ?? '', controller: true },
            ],
          }
        : {}),
    },
    ...more,
  };
}

const deployment = make('Deployment', 'web', undefined, {
  spec: { replicas: 2 },
  status: { replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1 },
});
const set = make('ReplicaSet', 'web-1', deployment, { spec: { replicas: 2 }, status: { readyReplicas: 1 } });
const ready = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ ready: true }],
};
const pods = [
  make('Pod', 'web-1-a', set, { status: ready }),
  make('Pod', 'web-1-b', set, { status: { phase: 'Running', containerStatuses: [{ ready: false }] } }),
];

describe('withUsage', () => {
  const metrics = (name: string, ...usages: [cpu: string, memory: string][]): KubeObject => ({
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: 'PodMetrics',
    metadata: { name, namespace: 'a-team' },
    containers: usages.map(([cpu, memory], index) => ({ name: `c${index}`, usage: { cpu, memory } })),
  });
  const objects = [deployment, set, ...pods];

  it('adds up what pods use at what they belong to', async () => {
    const source = memorySource([...objects, metrics('web-1-a', ['142600001n', '12588Ki'], ['1m', '500Ki'])]);
    const tree = await withUsage(await ownershipTree(deployment, source), source);
    expect(renderTree(tree, { now })).toBe(
      [
        'NAMESPACE  NAME                READY  STATUS         AGE  CPU   MEMORY  MESSAGE',
        'a-team     Deployment/web      1/2    … Progressing  5m   144m  12Mi    1 of 2 replicas are available',
        'a-team     └─ReplicaSet/web-1  1/2    … Progressing  5m   144m  12Mi    0 of 2 replicas are available',
        'a-team       ├─Pod/web-1-a     1/1    ✓ Healthy      5m   144m  12Mi',
        'a-team       └─Pod/web-1-b     0/1    … Progressing  5m                 its containers are not ready yet',
      ].join('\n'),
    );
    expect(treeJson(tree)).toMatchObject({ usage: { cpu: '144m', memory: '12Mi' } });
  });

  it('adds nothing where nothing is measured', async () => {
    const source = memorySource(objects);
    const tree = await ownershipTree(deployment, source);
    expect(renderTree(await withUsage(tree, source), { now })).toBe(renderTree(tree, { now }));
    expect(treeJson(tree)).not.toHaveProperty('usage');
  });
});

describe('ownershipTree', () => {
  it('draws what belongs to what', async () => {
    const tree = await ownershipTree(deployment, memorySource([deployment, set, ...pods, make('Pod', 'other')]));
    expect(renderTree(tree, { now })).toBe(
      [
        'NAMESPACE  NAME                READY  STATUS         AGE  MESSAGE',
        'a-team     Deployment/web      1/2    … Progressing  5m   1 of 2 replicas are available',
        'a-team     └─ReplicaSet/web-1  1/2    … Progressing  5m   0 of 2 replicas are available',
        'a-team       ├─Pod/web-1-a     1/1    ✓ Healthy      5m',
        'a-team       └─Pod/web-1-b     0/1    … Progressing  5m   its containers are not ready yet',
      ].join('\n'),
    );
  });

  it('colours the status on a terminal and leaves out the messages of what is well', async () => {
    const [pod] = pods;
    const tree = await ownershipTree(pod ?? set, memorySource([]));
    const text = renderTree(tree, { now, colours: pc.createColors(true) });
    expect(text).toContain('\u001b[32m✓ Healthy\u001b[39m  5m');
    expect(text).not.toContain('MESSAGE');
  });

  it('gives scripts what they need, and not whole objects', async () => {
    const tree = treeJson(await ownershipTree(set, memorySource([...pods])));
    expect(tree).toMatchObject({ kind: 'ReplicaSet', status: 'Progressing', link: 'root' });
    expect(tree.children[0]).toEqual({
      kind: 'Pod',
      apiVersion: 'v1',
      namespace: 'a-team',
      name: 'web-1-a',
      status: 'Healthy',
      message: '',
      link: 'owner',
      children: [],
    });
  });

  it('ends on cycles and long chains of owners', async () => {
    const a = make('Thing', 'a');
    const b = make('Thing', 'b', a);
    a.metadata.ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Thing', name: 'b', uid: b.metadata.uid ?? '' }];
    const tree = await ownershipTree(a, memorySource([a, b]));
    expect(tree.children.map((child) => [child.object.metadata.name, child.children])).toEqual([['b', []]]);
    const chain = [a];
    for (let i = 0; i < 3000; i++) chain.push(make('Thing', `c${i}`, chain.at(-1)));
    const byOwner = new Map(chain.slice(1).map((child) => [child.metadata.ownerReferences?.[0]?.uid, child]));
    const source = {
      ...memorySource([]),
      owned: async (owner: KubeObject) => [byOwner.get(owner.metadata.uid)].filter((child) => child !== undefined),
    };
    expect(renderTree(await ownershipTree(a, source), { now }).split('\n')).toHaveLength(102);
  });
});

describe('clientSource', () => {
  const resources: Resource[] = [
    { group: 'apps', version: 'v1', resource: 'replicasets', kind: 'ReplicaSet', namespaced: true },
    { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true },
    { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true },
    { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false },
  ];

  it('lists each resource once, page by page, and only where something can be owned', async () => {
    const asked: string[] = [];
    const all = new Map([
      ['replicasets', [set]],
      ['pods', pods],
    ]);
    const client = {
      list: async (resource: Resource, options: ListOptions = {}) => {
        asked.push(`${resource.resource} ${options.namespace} ${options.continue ?? 0}`);
        const items = all.get(resource.resource) ?? [];
        const from = Number(options.continue ?? 0);
        const next = from + 1 < items.length ? { continue: String(from + 1) } : {};
        return { items: items.slice(from, from + 1), metadata: { resourceVersion: '1', ...next } };
      },
    } as unknown as Client;
    const tree = await ownershipTree(deployment, clientSource({ client, resources }));
    expect(tree.children[0]?.children.map((child) => child.object.metadata.name)).toEqual(['web-1-a', 'web-1-b']);
    expect(asked.sort()).toEqual(['pods a-team 0', 'pods a-team 1', 'replicasets a-team 0']);
  });
});
