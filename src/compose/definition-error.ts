/** What is wrong with a definition: one line a problem, each beginning with the path of the field in the definition. */
export class DefinitionError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    const shown = problems.slice(0, SHOWN);
    const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : [];
    super([...shown, ...more].join('; '));
    this.name = 'DefinitionError';
    this.problems = problems;
  }
}

const SHOWN = 10;

/** Collects problems, so that one look at a definition shows all of them. */
export interface Problems {
  add(path: string, problem: string): void;
  /** Runs an action and notes what it throws as a problem at the path. undefined if it threw. */
  attempt<T>(path: string, action: () => T): T | undefined;
  /** Throws DefinitionError if there was any problem. */
  throwAny(): void;
}

export function collectProblems(): Problems {
  const problems: string[] = [];
  return {
    add(path, problem) {
      problems.push(`${path}: ${problem}`);
    },
    attempt(path, action) {
      try {
        return action();
      } catch (error) {
        if (error instanceof DefinitionError) problems.push(...error.problems);
        else problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    },
    throwAny() {
      if (problems.length > 0) throw new DefinitionError(problems);
    },
  };
}

/** A field of an object in a path: `spec.labels["app.io/name"]`, `resources[2]`. */
export function fieldPath(parent: string, name: string | number): string {
  if (typeof name === 'number') return `${parent}[${name}]`;
  return /^[\w-]+$/.test(name) ? `${parent}.${name}` : `${parent}[${JSON.stringify(name)}]`;
}
