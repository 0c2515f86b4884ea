/** What is wrong with a CEL expression, and where. `position` counts UTF-16 units from the expression's start. */
export class CelError extends Error {
  readonly expression: string;
  readonly position: number;
  /** A name that exists and looks like the one that does not. */
  readonly suggestion: string | undefined;
  /** The message without the expression. */
  readonly problem: string;

  /** Everything that is wrong with it, in cel-go's words. */
  readonly issues: readonly Issue[];

  constructor(
    problem: string,
    at: { expression: string; position: number; suggestion?: string | undefined; issues?: readonly Issue[] },
  ) {
    const hint = at.suggestion ? ` (did you mean "${at.suggestion}"?)` : '';
    super(`${problem}${hint} at position ${at.position + 1} of "${shorten(at.expression, at.position)}"`);
    this.name = 'CelError';
    this.expression = at.expression;
    this.position = at.position;
    this.suggestion = at.suggestion;
    this.problem = problem;
    this.issues = at.issues ?? [{ problem, position: at.position }];
  }

  /** What cel-go prints: each issue with its line and column, the line, and a mark under the place. */
  get report(): string {
    return this.issues.map((issue) => reportOf(issue, this.expression)).join('\n');
  }
}

interface Issue {
  readonly problem: string;
  /** In UTF-16 units from the expression's start. */
  readonly position: number;
}

function reportOf({ problem, position }: Issue, expression: string): string {
  const before = expression.slice(0, position).split('\n');
  const line = expression.split('\n')[before.length - 1] ?? '';
  const ahead = [...(before.at(-1) ?? '')];
  const isWide = (character: string | undefined) => character !== undefined && character > '\u007f';
  const dots = ahead.map((character) => (isWide(character) ? '．' : '.')).join('');
  const mark = isWide([...line][ahead.length]) ? '＾' : '^';
  return `ERROR: <input>:${before.length}:${ahead.length + 1}: ${problem}\n | ${line}\n | ${dots}${mark}`;
}

/** A field, list element or variable that does not exist (yet): the value may appear later. */
export class CelMissingError extends CelError {
  /** The path that was read: ['deployment', 'status', 'availableReplicas']. */
  readonly path: readonly string[];
  /** The message as cel-go words it: 'no such key: c'. */
  readonly reason: string;

  constructor(path: readonly string[], at: { expression: string; position: number }, reason?: string) {
    super(`no such key: ${path.join('.')}`, at);
    this.reason = reason ?? this.problem;
    this.name = 'CelMissingError';
    this.path = path;
  }
}

const SHOWN = 120;

/** The expression on one line, cut around the position so that a message stays readable. */
function shorten(expression: string, position: number): string {
  const start = expression.length <= SHOWN ? 0 : Math.max(0, Math.min(position - SHOWN / 2, expression.length - SHOWN));
  const cut = expression
    .slice(start, start + SHOWN)
    .replace(/\s+/g, ' ')
    .trim();
  return `${start > 0 ? '…' : ''}${cut}${start + SHOWN < expression.length ? '…' : ''}`;
}

/** The candidate nearest to a name by edits (at most a third of its length, at most 3), if any. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.min(3, Math.ceil(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
