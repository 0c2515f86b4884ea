// An hour's churn in minutes: 2,000 pods of deployments that come, grow, roll and go, and what they leave behind, which must
// be nothing. Usage: npm run bench -- churn
import assert from 'node:assert/strict';
import { churn, PODS_OF_A_LIFE } from '../test/support/churn.ts';
import { startHomeport } from '../test/support/homeport.ts';
import { buildDemoImage } from '../test/support/images.ts';
import { eventually } from '../test/support/run.ts';
import { openFilesOf, tracesOf } from '../test/support/traces.ts';
import { residentMegabytes } from './support/process.ts';
import { printTable } from './support/table.ts';

const PODS = 2000;
const LANES = 5;

const platform = await startHomeport();
try {
  await buildDemoImage(platform, 'churn:1');
  const image = 'churn:1';
  await churn(platform, { lanes: 1, rounds: 1, image });
  const before = await tracesOf(platform);
  const look = () => [residentMegabytes([platform.status.pid]), openFilesOf(platform)].map(Math.round);
  const rows = [
    ['pods so far', 'memory', 'open files'],
    ['before', ...look().map(String)],
  ];
  const began = performance.now();
  const rounds = PODS / PODS_OF_A_LIFE / LANES;
  const tell = (pods: number) => {
    if (pods % 500 === 0) rows.push([String(pods), ...look().map(String)]);
  };
  await churn(platform, { lanes: LANES, rounds, image, tell });
  const seconds = (performance.now() - began) / 1000;
  await eventually('everything to be as it was', async () => {
    assert.deepEqual(await tracesOf(platform), before);
    return true;
  });
  printTable(rows);
  console.log(`${PODS} pods came and went in ${seconds.toFixed(0)} s, and left nothing behind.`);
} finally {
  await platform.stop();
}
