// Much that comes and goes leaves nothing behind. `npm run bench -- churn` does the same with 2,000 pods.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseRuntime } from '../src/node/index.ts';
import { churn, PODS_OF_A_LIFE } from './support/churn.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { buildDemoImage } from './support/images.ts';
import { eventually } from './support/run.ts';
import { type Traces, tracesOf } from './support/traces.ts';

const { name: runtime } = await chooseRuntime('auto');
const image = 'churn:1';

let platform: TestHomeport;
beforeAll(async () => {
  platform = await startHomeport();
  await buildDemoImage(platform, image);
});
afterAll(() => platform.stop());

/** What pods leave for as long as they are there: the test would see it if it stayed. Those that pretend leave objects. */
const tracesOfPods = runtime === 'linux' ? ['processes', 'devices', 'cgroups', 'files', 'objects'] : ['objects'];

const moreThan = (before: Traces, now: Traces): string[] =>
  Object.entries(before).flatMap(([what, names]) => (now[what as keyof Traces].length > names.length ? [what] : []));

test('deployments that come, grow, roll and go leave no process, mount, device, group, file or object', async () => {
  // The first life also sets up what stays: caches, a first connection.
  await churn(platform, { lanes: 1, rounds: 1, image });
  const before = await tracesOf(platform);
  const under = churn(platform, { lanes: 4, rounds: 1, image });
  const seen = new Set<string>();
  await eventually('pods to be there', async () => {
    for (const what of moreThan(before, await tracesOf(platform))) seen.add(what);
    expect([...seen]).toEqual(expect.arrayContaining(tracesOfPods));
    return true;
  });
  expect(await under).toBe(4 * PODS_OF_A_LIFE);
  await eventually('everything to be as it was', async () => {
    expect(await tracesOf(platform)).toEqual(before);
    return true;
  });
}, 120_000);
