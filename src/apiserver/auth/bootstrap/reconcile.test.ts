import { expect, test } from 'vitest';
import type { KubeObject } from '../../../machinery/index.ts';
import { bootstrapRbac } from './rbac.ts';
import { reconcileRbac } from './reconcile.ts';
import { rulesFrom } from './rules.ts';

const wanted = (kind: string, name: string): KubeObject => {
  const found = bootstrapRbac().find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`no ${kind} ${name}`);
  return found;
};
const autoupdate = (value: string) => ({ 'rbac.authorization.kubernetes.io/autoupdate': value });

test('what is as it should be, or more, is left alone', () => {
  for (const object of bootstrapRbac()) expect(reconcileRbac(object, object)).toBeUndefined();
  const more = { ...wanted('ClusterRole', 'system:discovery'), rules: rulesFrom(['* *']) };
  expect(reconcileRbac(more, wanted('ClusterRole', 'system:discovery'))).toBeUndefined();
});

test('missing permissions, subjects, labels and selectors come back, and what was added stays', () => {
  const role = wanted('ClusterRole', 'system:basic-user');
  const [, second] = role['rules'] as unknown[];
  const own = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
  expect(reconcileRbac({ ...role, rules: [second, own] }, role)).toMatchObject({
    rules: [second, own, (role['rules'] as unknown[])[0]],
  });
  const binding = wanted('ClusterRoleBinding', 'system:public-info-viewer');
  const [first, last] = binding['subjects'] as unknown[];
  const mine = { kind: 'User', name: 'me' };
  expect(reconcileRbac({ ...binding, subjects: [mine, last] }, binding)?.['subjects']).toEqual([mine, last, first]);
  const bare = { ...role, metadata: { name: role.metadata.name, labels: { a: 'b' } } };
  expect(reconcileRbac(bare, role)?.metadata).toMatchObject({
    labels: { a: 'b', 'kubernetes.io/bootstrapping': 'rbac-defaults' },
    annotations: autoupdate('true'),
  });
  const admin = wanted('ClusterRole', 'admin');
  const selector = { matchLabels: { x: 'y' } };
  const gathered = { ...admin, aggregationRule: { clusterRoleSelectors: [selector] }, rules: [own] };
  expect(reconcileRbac(gathered, admin)).toMatchObject({
    aggregationRule: {
      clusterRoleSelectors: [selector, { matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' } }],
    },
    rules: [own],
  });
});

test('a binding to another role is made anew, and nothing that users keep themselves is touched', () => {
  const binding = wanted('ClusterRoleBinding', 'cluster-admin');
  const other = { ...binding, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' } };
  expect(reconcileRbac(other, binding)).toEqual(binding);
  const kept = { ...other, metadata: { ...other.metadata, annotations: autoupdate('false') } };
  expect(reconcileRbac(kept, binding)).toBeUndefined();
  const emptied = { ...wanted('ClusterRole', 'view'), metadata: kept.metadata, rules: [] };
  expect(reconcileRbac(emptied, wanted('ClusterRole', 'view'))).toBeUndefined();
});
