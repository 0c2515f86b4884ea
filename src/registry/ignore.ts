import { matchesName } from './glob.ts';

/** Decides whether a path (relative, with '/') stays out of an image. */
export type Ignore = (path: string) => boolean;

/** Never part of an image: history, this tool's own data, and the list itself. */
const always = new Set(['.git', '.homeport', '.homeportignore']);

/**
 * Reads a `.homeportignore`: one pattern a line in the form of a .dockerignore: `*` and `?` within a name, `**` across
 * folders, `!` takes a path back in, `#` comments. Patterns are anchored at the folder; the last one that fits counts.
 */
export function parseIgnore(text: string): Ignore {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keep: line.startsWith('!'), parts: segments(line.startsWith('!') ? line.slice(1) : line) }))
    .filter((rule) => rule.parts.length > 0);
  return (path) => {
    const names = path.split('/');
    if (always.has(names[0] ?? '')) return true;
    let ignored = false;
    for (const rule of rules) if (ignored === rule.keep && matchesPrefix(rule.parts, names)) ignored = !rule.keep;
    return ignored;
  };
}

const segments = (pattern: string) => pattern.split('/').filter((part) => part !== '' && part !== '.');

/** True when the pattern fits the path or a folder above it. Linear in pattern × path: no backtracking into regexes. */
function matchesPrefix(pattern: readonly string[], names: readonly string[]): boolean {
  let states = new Set([0]);
  for (const name of names) {
    const next = new Set<number>();
    for (const state of expand(states, pattern)) {
      const part = pattern[state];
      if (part === undefined) return true;
      if (part === '**') next.add(state);
      else if (matchesName(part, name)) next.add(state + 1);
    }
    states = next;
  }
  return expand(states, pattern).has(pattern.length);
}

function expand(states: Set<number>, pattern: readonly string[]): Set<number> {
  const all = new Set(states);
  for (const state of all) if (pattern[state] === '**') all.add(state + 1);
  return all;
}
