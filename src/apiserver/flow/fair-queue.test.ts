import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createFairQueue, type Waiting } from './fair-queue.ts';

const request = (flow: string, cost = 1): Waiting => ({ flow, cost, start() {} });
const anyone = (): boolean => true;

test('a flow with one request waits for at most one of each other, however many those have', () => {
  const queue = createFairQueue();
  for (let index = 0; index < 1_000; index++) queue.push(request('greedy'));
  const first = queue.next(anyone) as Waiting;
  queue.take(first);
  queue.push(request('modest'));
  const order = [0, 1].map(() => {
    const next = queue.next(anyone) as Waiting;
    queue.take(next);
    return next.flow;
  });
  expect(order).toContain('modest');
});

test('a flow that comes back as soon as it is served does not overtake one that waits', () => {
  const queue = createFairQueue();
  for (let index = 0; index < 100; index++) queue.push(request('patient'));
  queue.push(request('eager'));
  const served = { patient: 0, eager: 0 };
  for (let turn = 0; turn < 60; turn++) {
    const next = queue.next(anyone) as Waiting;
    queue.take(next);
    served[next.flow as keyof typeof served]++;
    if (next.flow === 'eager') queue.push(request('eager'));
  }
  expect(Math.abs(served.patient - served.eager)).toBeLessThanOrEqual(1);
});

test('flows that all wait get shares that differ by no more than one largest request, and none is lost', () => {
  const costs = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 20, maxLength: 40 });
  fc.assert(
    fc.property(fc.array(costs, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 19 }), (flows, turns) => {
      const queue = createFairQueue();
      for (const [flow, list] of flows.entries()) for (const cost of list) queue.push(request(String(flow), cost));
      const got = flows.map(() => 0);
      for (let turn = 0; turn < turns; turn++) {
        const next = queue.next(anyone) as Waiting;
        queue.take(next);
        got[Number(next.flow)] = (got[Number(next.flow)] ?? 0) + next.cost;
      }
      expect(Math.max(...got) - Math.min(...got)).toBeLessThanOrEqual(10);
      let left = flows.flat().length - turns;
      expect(queue.length).toBe(left);
      for (let next = queue.next(anyone); next; next = queue.next(anyone)) {
        queue.take(next);
        left--;
      }
      expect([left, queue.length]).toEqual([0, 0]);
    }),
  );
});

test('a flow that may not start is passed over, and one that hangs up is gone', () => {
  const queue = createFairQueue();
  const held = request('held');
  queue.push(held);
  queue.push(request('other'));
  expect(queue.next(({ flow }) => flow !== 'held')?.flow).toBe('other');
  queue.drop(held);
  queue.drop(held);
  expect([queue.length, queue.lengthOf('held'), queue.next(anyone)?.flow]).toEqual([1, 0, 'other']);
});
