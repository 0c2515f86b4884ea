// Makes docs/demo.svg, the picture in the README, from what the commands really print: npm run picture
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { startHomeport } from '../test/support/homeport.ts';
import { eventually } from '../test/support/run.ts';
import { root } from '../test/support/tools.ts';

/** One line of the picture, with the seconds at which it appears. */
interface Line {
  text: string;
  at: number;
}

const rowHeight = 19;
const columnWidth = 8.2;
const margin = 20;

/** Colours of the terminal codes that the commands use (ECMA-48 SGR). */
const colours: Record<string, string> = {
  '2': 'fill:#8b949e',
  '1': 'font-weight:bold',
  '31': 'fill:#ff7b72',
  '32': 'fill:#7ee787',
  '33': 'fill:#e3b341',
  '36': 'fill:#79c0ff',
};

const escapeXml = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** A line with terminal colours as tspans. */
function spans(text: string): string {
  const active = new Set<string>();
  const [before = '', ...coded] = text.split('\u001b[');
  let out = escapeXml(before);
  for (const part of coded) {
    const end = part.indexOf('m');
    const code = part.slice(0, end);
    if (['22', '39', '0', ''].includes(code)) active.clear();
    else active.add(code);
    const style = [...active].flatMap((key) => colours[key] ?? []).join(';');
    out += `<tspan${style && ` style="${style}"`}>${escapeXml(part.slice(end + 1))}</tspan>`;
  }
  return out;
}

function picture(lines: readonly Line[]): string {
  const width = Math.ceil(
    Math.max(...lines.map(({ text }) => stripVTControlCharacters(text).length)) * columnWidth + 2 * margin,
  );
  const height = lines.length * rowHeight + 2 * margin + 16;
  const rows = lines.map(({ text, at }, row) => {
    const y = margin + 28 + row * rowHeight;
    return `<text class="line" style="animation-delay:${at.toFixed(1)}s" x="${margin}" y="${y}">${spans(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Homeport in a terminal">
<style>
text{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}
.line{opacity:0;animation:show 0s forwards}
@keyframes show{to{opacity:1}}
@media (prefers-reduced-motion:reduce){.line{opacity:1;animation:none}}
</style>
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
<circle cx="20" cy="18" r="5" fill="#ff5f56"/><circle cx="38" cy="18" r="5" fill="#ffbd2e"/><circle cx="56" cy="18" r="5" fill="#27c93f"/>
${rows.join('\n')}
</svg>
`;
}

const lines: Line[] = [];
let clock = 0.5;
const say = (text: string, pause = 0.12): void => {
  for (const line of text.trimEnd().split('\n')) {
    lines.push({ text: line, at: clock });
    clock += pause;
  }
};
const prompt = (command: string): void => {
  say('');
  say(`\u001b[32m$\u001b[39m \u001b[1m${command}\u001b[22m`, 0.8);
};

const homeport = await startHomeport();
try {
  const env = { FORCE_COLOR: '1' };
  prompt('npx homeport demo');
  const { stdout } = await homeport.homeport(['demo'], { env });
  const usual = stdout.replaceAll(new RegExp(`:${new URL(homeport.status.apps).port}`, 'g'), ':8080');
  say(usual.slice(0, usual.indexOf('\nNow break it')));
  const patch = '{"spec":{"tag":"this-tag-does-not-exist"}}';
  prompt(`kubectl -n a-team patch application silly-demo --type merge -p '${patch}'`);
  say(await homeport.kubectl(['-n', 'a-team', 'patch', 'application', 'silly-demo', '--type', 'merge', '-p', patch]));
  prompt('npx homeport why application/silly-demo -n a-team');
  const why = await eventually('the answer', async () => {
    const answer = await homeport.homeport(['why', 'application/silly-demo', '-n', 'a-team'], { env });
    return answer.stdout.includes('does not exist') && answer.stdout;
  });
  say(why);
} finally {
  await homeport.stop();
}
writeFileSync(join(root, 'docs', 'demo.svg'), picture(lines));
console.log(`docs/demo.svg: ${lines.length} lines`);
