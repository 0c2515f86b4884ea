import { expect, it } from 'vitest';
import { createFailures } from './failures.ts';

it('lets failed pods of a node go at once, then after a second, two, four …, and anew with another template', () => {
  let now = 0;
  const failures = createFailures(() => now);
  const attempt = (template = 'a', node = 'one') => failures.attempt('ns/agent', template, node);
  expect(attempt()).toBe(0);
  now = 400;
  expect(attempt()).toBe(600);
  expect(attempt('a', 'two')).toBe(0);
  now = 1000;
  expect(attempt()).toBe(0);
  expect(attempt()).toBe(2000);
  now = 3000;
  expect(attempt()).toBe(0);
  expect(attempt()).toBe(4000);
  expect(attempt('b')).toBe(0);
});

it('waits a quarter of an hour at most, and forgets what has gone well for longer than twice that', () => {
  let now = 0;
  const failures = createFailures(() => now);
  const attempt = () => failures.attempt('ns/agent', 'a', 'one');
  for (let times = 0; times < 20; times += 1) {
    expect(attempt()).toBe(0);
    now += attempt();
  }
  attempt();
  expect(attempt()).toBe(15 * 60_000);
  now += 31 * 60_000;
  expect(attempt()).toBe(0);
  expect(attempt()).toBe(1000);
});
