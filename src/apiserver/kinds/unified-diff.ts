const context = 3;

/** A line of a diff: kept (' '), taken away ('-') or added ('+'). */
interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/**
 * How one text became another, as a unified diff with three lines around each change and no header; '' for equal texts.
 * Takes time in proportion to the product of their lengths: it is for texts of some dozen lines.
 */
export function unifiedDiff(before: readonly string[], after: readonly string[]): string {
  const lines = editScript(before, after);
  const changes = lines.flatMap(({ sign }, index) => (sign === ' ' ? [] : [index]));
  const hunks: [start: number, end: number][] = [];
  for (const index of changes) {
    const last = hunks.at(-1);
    const end = Math.min(index + 1 + context, lines.length);
    if (last && index - context <= last[1]) last[1] = end;
    else hunks.push([Math.max(0, index - context), end]);
  }
  return hunks.map(([start, end]) => hunkText(lines, start, end)).join('');
}

function hunkText(lines: readonly Line[], start: number, end: number): string {
  const count = (part: readonly Line[], skipped: string): number => part.filter(({ sign }) => sign !== skipped).length;
  const head = lines.slice(0, start);
  const body = lines.slice(start, end);
  const range = (skipped: string): string => {
    const length = count(body, skipped);
    const first = count(head, skipped) + (length > 0 ? 1 : 0);
    return length === 1 ? String(first) : `${first},${length}`;
  };
  return `@@ -${range('+')} +${range('-')} @@\n${body.map(({ sign, text }) => `${sign}${text}\n`).join('')}`;
}

/** The shortest way from one list of lines to the other, by their longest common subsequence. */
function editScript(before: readonly string[], after: readonly string[]): Line[] {
  const width = after.length + 1;
  const common = new Uint16Array((before.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      common[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old = '', text = ''] = [before[i], after[j]];
    if (i < before.length && j < after.length && old === text) {
      lines.push({ sign: ' ', text });
      i++;
      j++;
    } else if (i < before.length && (j === after.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ sign: '-', text: old });
      i++;
    } else {
      lines.push({ sign: '+', text });
      j++;
    }
  }
  return lines;
}
