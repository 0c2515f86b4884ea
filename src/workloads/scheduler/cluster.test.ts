import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../types.ts';
import { podInfoOf } from './pod-info.ts';
import { requestsOf } from './resources.ts';
import { node, pod, sceneOf } from './scheduler.testing.ts';

describe('what the scheduler knows of the cluster', () => {
  it('counts a pod once, from when it is assumed until it ends', () => {
    const { cluster } = sceneOf([node('one')]);
    const cpu = () => cluster.node('one')?.requested.cpu;
    const one = pod({ cpu: '1' });
    cluster.assume(podInfoOf(one), 'one');
    expect([cpu(), cluster.isAssumed(one)]).toEqual([1000, true]);
    const bound = { ...one, spec: { ...one.spec, containers: one.spec?.containers ?? [], nodeName: 'one' } };
    expect(cluster.setPod(bound)).toBeUndefined();
    expect([cpu(), cluster.isAssumed(one)]).toEqual([1000, false]);
    expect(cluster.setPod({ ...bound, status: { phase: 'Succeeded' } })?.after).toBeUndefined();
    expect(cpu()).toBe(0);
  });

  it('takes an assumption back', () => {
    const { cluster } = sceneOf([node('one')]);
    const one = podInfoOf(pod({ cpu: '1' }));
    cluster.assume(one, 'one');
    cluster.forget(one);
    expect(cluster.node('one')?.requested.cpu).toBe(0);
  });

  it('knows the pods of a node that comes later', () => {
    const { cluster } = sceneOf([], [pod({ cpu: '1' }, { nodeName: 'one' })]);
    cluster.setNode(node('one'));
    expect(cluster.node('one')?.requested.cpu).toBe(1000);
  });

  it('follows the labels of nodes and pods', () => {
    const { cluster } = sceneOf([node('one', { labels: { zone: 'a' } })]);
    const said = { labelSelector: { matchLabels: { app: 'w' } }, topologyKey: 'zone' };
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [said] } };
    const [term] = podInfoOf(pod({}, { affinity })).affinity.required;
    if (!term) throw new Error('the pod has no term');
    const inZones = () => Object.fromEntries(cluster.podCounts.of([term], false).by('zone'));
    const one = pod({}, { nodeName: 'one' }, { app: 'w' });
    expect(inZones()).toEqual({});
    cluster.setPod(one);
    expect(inZones()).toEqual({ a: 1 });
    cluster.setNode(node('one', { labels: { zone: 'b' } }));
    expect(inZones()).toEqual({ b: 1 });
    cluster.setPod({ ...one, metadata: { ...one.metadata, labels: { app: 'x' } } });
    expect(inZones()).toEqual({});
  });
});

describe('requests', () => {
  const container = (cpu: string, restartPolicy?: string) => ({
    name: 'c',
    restartPolicy,
    resources: { requests: { cpu } },
  });
  const cpuOf = (spec: Partial<PodSpec>) => requestsOf(pod({}, spec)).cpu;

  it('are those of containers and sidecars, or of the largest init container', () => {
    const containers = [container('100m')];
    expect(cpuOf({ containers: [container('100m'), container('0.2')] })).toBe(300);
    expect(cpuOf({ containers, initContainers: [container('1')] })).toBe(1000);
    expect(cpuOf({ containers, initContainers: [container('50m', 'Always'), container('1')] })).toBe(1050);
  });

  it('are what the pod says as a whole, and its overhead', () => {
    const containers = [container('100m')];
    expect(cpuOf({ containers, overhead: { cpu: '10m' } })).toBe(110);
    expect(cpuOf({ containers, resources: { requests: { cpu: '1' } }, overhead: { cpu: '10m' } })).toBe(1010);
  });
});
