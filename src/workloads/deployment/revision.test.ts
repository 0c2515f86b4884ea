import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '../types.ts';
import { nextRevision, revisionAnnotations } from './revision.ts';

const revision = 'deployment.kubernetes.io/revision';
const history = 'deployment.kubernetes.io/revision-history';

function deployment(annotations: Record<string, string>): Deployment {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', annotations } };
}

function set(annotations: Record<string, string>): ReplicaSet {
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'web-1', annotations } };
}

describe('the revision of a template', () => {
  it('is one more than the highest of the others', () => {
    expect(nextRevision([])).toBe(1);
    expect(nextRevision([set({ [revision]: '2' }), set({ [revision]: '7' }), set({ [revision]: 'x' })])).toBe(8);
  });

  it('comes with the annotations of the deployment, but for those that are its own', () => {
    const own = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', [revision]: '3' };
    const annotations = revisionAnnotations(deployment({ ...own, 'kubernetes.io/change-cause': 'fix' }), undefined, 4);
    expect(annotations).toEqual({ 'kubernetes.io/change-cause': 'fix', [revision]: '4' });
  });

  it('is remembered when the template comes back, as far as there is room', () => {
    const first = revisionAnnotations(deployment({}), set({ [revision]: '1' }), 3);
    expect(first).toEqual({ [revision]: '3', [history]: '1' });
    expect(revisionAnnotations(deployment({}), set(first), 5)).toEqual({ [revision]: '5', [history]: '1,3' });
    const long = { [revision]: '9999', [history]: Array<string>(400).fill('1000').join(',') };
    const kept = revisionAnnotations(deployment({}), set(long), 10_000)[history] ?? '';
    expect(kept.length).toBeLessThanOrEqual(2000);
    expect(kept.endsWith(',1000,9999')).toBe(true);
  });

  it('does not go down when old revisions are cleaned up', () => {
    expect(revisionAnnotations(deployment({}), set({ [revision]: '5' }), 2)).toEqual({ [revision]: '5' });
  });
});
