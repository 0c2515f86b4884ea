import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ClusterEvent, Plugin } from './plugin.ts';
import { type PodInfo, podInfoOf } from './pod-info.ts';
import { createSchedulingQueue, type SchedulingQueue } from './queue.ts';
import { node, pod } from './scheduler.testing.ts';

let queue: SchedulingQueue;
const fit: Plugin = { name: 'Fit', helps: { node: () => true, pod: () => true, claim: () => true } };
const deaf: Plugin = { name: 'Deaf' };
const byFit = new Set(['Fit']);
const freed: ClusterEvent = { kind: 'pod', before: podInfoOf(pod()), after: undefined };

beforeEach(() => {
  vi.useFakeTimers();
  queue = createSchedulingQueue([fit, deaf], () => {});
});
afterEach(() => {
  queue.stop();
  vi.useRealTimers();
});

const waiting = (requests: Record<string, string>, priority = 0): PodInfo => podInfoOf(pod(requests, { priority }));

function takeAll(): PodInfo[] {
  const taken: PodInfo[] = [];
  for (let next = queue.next(); next; next = queue.next()) taken.push(next);
  return taken;
}

it('hands out the most important first, and equals in the order in which they came', () => {
  const [one, two, urgent] = [waiting({}), waiting({}), waiting({}, 10)];
  for (const each of [one, two, urgent]) queue.add(each);
  expect(takeAll()).toEqual([urgent, one, two]);
});

it('tells of a claim only the pods that use it', () => {
  const using = (claimName: string): PodInfo =>
    podInfoOf(pod({}, { volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] }));
  const [one, two] = [using('one'), using('two')];
  for (const each of [one, two]) queue.refused(each, byFit);
  queue.happened({ kind: 'claim', claim: 'a/two' });
  expect(takeAll()).toEqual([two]);
});

it('asks only the plugins that refused a pod what helps it', () => {
  const [one, two] = [waiting({ cpu: '1' }), waiting({ cpu: '2' })];
  queue.refused(one, byFit);
  queue.refused(two, new Set(['Deaf']));
  queue.happened({ kind: 'namespace' });
  expect(takeAll()).toEqual([]);
  queue.happened(freed);
  expect(takeAll()).toEqual([one]);
});

it('tries one of those that ask for the same, and the next when that one was placed', () => {
  const alike = [waiting({ cpu: '1' }), waiting({ cpu: '1' }), waiting({ cpu: '1' })];
  for (const each of alike) queue.refused(each, byFit);
  queue.happened(freed);
  expect(takeAll()).toEqual(alike.slice(0, 1));
  queue.placed(alike[0] as PodInfo);
  expect(takeAll()).toEqual(alike.slice(1, 2));
  queue.refused(alike[1] as PodInfo, byFit);
  expect(takeAll()).toEqual([]);
  queue.happened(freed);
  const [next] = takeAll();
  expect(next).toBe(alike[2]);
  // Deleted while it was being tried: those behind it must not wait for ever.
  queue.remove(next?.key ?? '');
  expect(takeAll()).toEqual([alike[1]]);
});

it('tells all that wait about new nodes, a little later', () => {
  const alike = [waiting({ cpu: '1' }), waiting({ cpu: '1' })];
  for (const each of alike) queue.refused(each, byFit);
  queue.happened({ kind: 'node', node: node('one'), old: undefined });
  const [first] = takeAll();
  expect(first).toBe(alike[0]);
  queue.refused(first as PodInfo, byFit);
  vi.advanceTimersByTime(3000);
  expect(takeAll()).toEqual([alike[1], alike[0]]);
});

it('waits longer after every failure, up to ten seconds', () => {
  const one = waiting({});
  queue.add(one);
  for (const seconds of [1, 2, 4, 8, 10, 10]) {
    expect(takeAll()).toEqual([one]);
    queue.failed(one);
    vi.advanceTimersByTime(seconds * 1000 - 1);
    expect(takeAll()).toEqual([]);
    vi.advanceTimersByTime(1);
  }
});

it('tries a pod again that nothing has helped for five minutes', () => {
  const one = waiting({});
  queue.refused(one, byFit);
  vi.advanceTimersByTime(330_000);
  expect(takeAll()).toEqual([one]);
});
