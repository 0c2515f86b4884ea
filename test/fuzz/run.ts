// A long hunt: npm run fuzz -- [--seconds 600] [--seed 1]. What it finds is kept in test/fuzz/corpus.
import { parseArgs } from 'node:util';
import { keep } from './corpus.ts';
import { liveBytes, startTarget } from './target.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: String(Date.now() % 1e6) } },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  console.error('usage: npm run fuzz -- [--seconds N] [--seed WHOLE_NUMBER]');
  process.exit(2);
}

const target = await startTarget();
const seen = new Set<string>();
let sent = 0;
let kept = 0;
const start = performance.now();
const before = liveBytes();
for (let round = 0; performance.now() - start < seconds * 1000; round++) {
  const left = seconds - (performance.now() - start) / 1000;
  const done = await target.run(seed + round, { seconds: Math.min(10, left) });
  sent += done.sent;
  for (const finding of done.findings) {
    // Most of what one fault causes reads alike.
    const alike = finding.what.replace(/\d+/g, '#').slice(0, 120);
    if (seen.has(alike)) continue;
    seen.add(alike);
    kept++;
    console.log(
      `\n${finding.request.method} ${finding.request.path}\n  ${finding.what}\n  kept as ${keep(finding, `found-${seed}-${kept}`)}`,
    );
  }
  const grown = Math.round((liveBytes() - before) / 1e6);
  process.stdout.write(
    `\r${sent.toLocaleString('en')} requests, ${kept} findings, ${grown} MB more alive, seed ${seed + round} `,
  );
}
await target.stop();
console.log(`\n${kept === 0 ? 'nothing found' : `${kept} kinds of findings`} in ${sent.toLocaleString('en')} requests`);
process.exit(kept === 0 ? 0 : 1);
