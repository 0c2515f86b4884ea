import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../../test/support/cluster.ts';
import { eventually } from '../../test/support/run.ts';
import type { KubeObject } from '../machinery/index.ts';
import { clusterRoles } from './resources.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const role = (name: string, labels: Record<string, string>, more: object): KubeObject => ({
  ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name, labels } },
  ...more,
});
const rule = (resource: string) => ({ verbs: ['get'], apiGroups: ['example.com'], resources: [resource] });
const rulesOf = async (name: string) => (await cluster.client.get(clusterRoles, { name }))['rules'];

test('an aggregated role holds the rules of what it selects, and follows', async () => {
  const { client } = cluster;
  await client.create(
    clusterRoles,
    role('all', {}, { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'all' } }] } }),
  );
  await client.create(clusterRoles, role('b', { to: 'all' }, { rules: [rule('bs'), rule('shared')] }));
  await client.create(clusterRoles, role('a', { to: 'all' }, { rules: [rule('as'), rule('shared')] }));
  const holds = (...resources: string[]) =>
    eventually('aggregation', async () => {
      const same = JSON.stringify(await rulesOf('all')) === JSON.stringify(resources.map(rule));
      return same || undefined;
    });
  await holds('as', 'shared', 'bs');
  await client.delete(clusterRoles, { name: 'a' });
  await holds('bs', 'shared');
  await client.patch(clusterRoles, { name: 'b' }, 'merge', { metadata: { labels: { to: null } } });
  await eventually('no rules', async () => (await rulesOf('all')) === null || undefined);
});

test('admin, edit and view gather what a cluster gives them', async () => {
  const count = (name: string) =>
    eventually(name, async () => ((await rulesOf(name)) as unknown[] | null)?.length || undefined);
  expect(await count('view')).toBe(11);
  expect(await eventually('edit', async () => ((await rulesOf('edit')) as unknown[]).length === 25 || undefined)).toBe(
    true,
  );
  expect(
    await eventually('admin', async () => ((await rulesOf('admin')) as unknown[]).length === 27 || undefined),
  ).toBe(true);
});
