import { expect, it } from 'vitest';
import type { Node } from '../types.ts';
import { createHealthRecords, type Lease, usualPatience } from './health.ts';

const node = (lastHeartbeatTime?: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n', uid: '1' },
  status: lastHeartbeatTime ? { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime }] } : {},
});

const lease = (renewTime: string, leaseDurationSeconds = 40): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'n', namespace: 'kube-node-lease' },
  spec: { renewTime, leaseDurationSeconds },
});

it('gives nodes 50 seconds from when they were last heard of, by status or by lease', () => {
  let at = 0;
  const health = createHealthRecords(usualPatience, () => at);
  expect(health.look(node('a'), undefined)).toBe(50_000);
  at = 30_000;
  expect(health.look(node('a'), undefined)).toBe(20_000);
  expect(health.look(node('b'), undefined)).toBe(50_000);
  at = 60_000;
  expect(health.look(node('b'), lease('x'))).toBe(50_000);
  expect(health.look(node('b'), lease('x'))).toBe(50_000);
  at = 110_000;
  expect(health.look(node('b'), lease('x'))).toBe(0);
  expect(health.look(node('b'), lease('y'))).toBe(50_000);
});

it('waits longer for the first word, and for those who have said that they speak seldom', () => {
  const health = createHealthRecords(usualPatience, () => 0);
  expect(health.look(node(), undefined)).toBe(60_000);
  expect(health.look(node('a'), lease('x', 3600))).toBe(3_610_000);
});

it('does not take its own absence for that of others', () => {
  let at = 0;
  const health = createHealthRecords(usualPatience, () => at);
  health.look(node('a'), undefined);
  at = 50_100;
  expect(health.look(node('a'), undefined)).toBe(-100);
  health.look(node('b'), undefined);
  at = 3_600_000;
  expect(health.look(node('b'), undefined)).toBe(50_000);
});
