import { expect, test } from 'vitest';
import { parseCron, type Schedule } from '../../machinery/index.ts';
import { dueOf, nextStartIn } from './due.ts';
import type { CronJob } from './types.ts';

const now = Date.parse('2026-05-05T10:07:30Z');

function schedule(text: string): Schedule {
  const parsed = parseCron(text, 'UTC');
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
}

function cronJob(last: string | undefined, startingDeadlineSeconds?: number): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { name: 'c', creationTimestamp: '2026-05-05T10:00:10Z' },
    spec: {
      schedule: '',
      ...(startingDeadlineSeconds === undefined ? {} : { startingDeadlineSeconds }),
      jobTemplate: { spec: { template: { spec: { containers: [] } } } },
    },
    status: last === undefined ? {} : { lastScheduleTime: last },
  };
}

test.each([
  ['nothing was due yet', '0 * * * *', undefined, undefined, undefined, 'none', '2026-05-05T11:00:00Z'],
  ['one was due', '5 * * * *', undefined, undefined, '2026-05-05T10:05:00Z', 'none', '2026-05-05T11:05:00Z'],
  ['some were missed', '* * * * *', undefined, undefined, '2026-05-05T10:07:00Z', 'few', '2026-05-05T10:08:00Z'],
  [
    'many were missed',
    '* * * * *',
    '2026-05-05T07:00:00Z',
    undefined,
    '2026-05-05T10:07:00Z',
    'many',
    '2026-05-05T10:08:00Z',
  ],
  [
    'few of them in time',
    '* * * * *',
    '2026-05-05T07:00:00Z',
    120,
    '2026-05-05T10:07:00Z',
    'few',
    '2026-05-05T10:08:00Z',
  ],
  ['none in time', '5 * * * *', '2026-05-05T07:05:00Z', 60, undefined, 'none', '2026-05-05T11:05:00Z'],
  [
    'at uneven distances',
    '0 6-16/4 * * 1-5',
    '2026-05-01T14:00:00Z',
    undefined,
    '2026-05-05T10:00:00Z',
    'few',
    '2026-05-05T14:00:00Z',
  ],
  ['never', '0 0 30 2 *', undefined, undefined, undefined, undefined, undefined],
] as const)('%s', (_, text, last, deadline, time, missed, next) => {
  const due = dueOf(cronJob(last, deadline), schedule(text), now, true);
  expect([due?.time, due?.missed]).toEqual([time && Date.parse(time), missed]);
  const wait = nextStartIn(cronJob(last, deadline), schedule(text), now);
  // A little later, should clocks differ.
  expect(wait).toBe(next && Date.parse(next) + 100 - now);
});
