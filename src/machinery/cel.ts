import { TypeError as CelTypeError, EvaluationError, ParseError } from '@marcbachmann/cel-js';
import {
  type CelNode,
  callsIn,
  isNode,
  memberPath,
  nodeOf,
  type Reference,
  referencesIn,
  renameCalls,
} from './cel-ast.ts';
import { BudgetError, guard, startBudget } from './cel-budget.ts';
import { CelError, CelMissingError, nearest } from './cel-error.ts';
import { type CelLibrary, environmentOf, namespaces, typeNames } from './cel-functions.ts';
import { MATCHES } from './cel-kubernetes.ts';
import { fromCel, readSetOf, toCel } from './cel-values.ts';
import type { Fields } from './object.ts';

export interface CelOptions {
  /** The variables that exist. An expression that reads any other is refused. Left out: any variable will do. */
  variables?: Iterable<string>;
  /** The functions beside the standard ones. Default: those of Kubernetes. */
  library?: CelLibrary;
}

/** A compiled expression. */
export interface CelProgram {
  readonly source: string;
  /**
   * The free variables that it reads, each with the member path read from it, without repeats:
   * [['schema', 'spec', 'tag'], ['deployment', 'status']]. An index or a call ends a path.
   */
  readonly references: readonly (readonly string[])[];
  /**
   * The value as JSON (celOmitted for kro's `omit()` or an empty optional).
   * @param variables JSON values by name; never changed. A number without a fraction is a CEL int, any other a double.
   * @throws CelMissingError when a key, index or variable does not exist; CelError for any other failure.
   */
  evaluate(variables: Fields): unknown;
}

/** The longest expression that is accepted, in UTF-16 units. */
const MAX_LENGTH = 32_768;

/**
 * Compiles a CEL expression (cel-spec v0.25, with cel-go's optionals). Length, nesting and evaluation are bounded.
 * @throws CelError for a syntax or type error, an unknown variable or function: with a suggestion where one is near.
 */
export function compileCel(source: string, options: CelOptions = {}): CelProgram {
  if (source.length > MAX_LENGTH) {
    throw new CelError(`the expression is ${source.length} characters long, more than ${MAX_LENGTH}`, at(source, 0));
  }
  const environment = environmentOf(options.library ?? 'kubernetes');
  const parsed = refuse(source, () => environment.parse(source));
  const root = nodeOf(parsed.ast);
  renameCalls(root, 'matches', MATCHES);
  const reads = referencesIn(root, celNames);
  const refused = callsIn(root).find((call) => Object.hasOwn(refusedCalls, call.name));
  if (refused) throw new CelError(refusedCalls[refused.name] ?? '', at(source, refused.position));
  if (options.variables) checkVariables(source, reads, new Set(options.variables));
  const checked = parsed.check();
  if (!checked.valid) throw explain(source, root, checked.error, options.library ?? 'kubernetes');
  guard(root);

  const references = unique(reads.map((read) => read.path));
  const readSet = readSetOf(references);
  return {
    source,
    references,
    evaluate(variables) {
      startBudget();
      try {
        return fromCel(parsed(new Map(Object.entries(toCel(variables, readSet) as Fields))));
      } catch (error) {
        throw evaluationError(source, error);
      }
    },
  };
}

/** Names that expressions have already, for types and groups of functions: a variable called so cannot be read. */
export const celNames: ReadonlySet<string> = new Set([...namespaces, ...typeNames]);

/** Functions of kro's that are known, so that a definition with one hears why not. */
const refusedCalls: Record<string, string> = {
  now: 'time.now() is not supported: a value is computed again only when an object changes',
};

const at = (expression: string, position: number) => ({ expression, position });

function refuse<T>(source: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (isLibraryError(error)) throw new CelError(error.summary, at(source, error.range?.start ?? 0));
    // The parser is recursive: nesting beyond its own limit shows as a stack overflow.
    if (error instanceof RangeError) throw new CelError('the expression is nested too deeply', at(source, 0));
    throw error;
  }
}

type LibraryError = ParseError | EvaluationError | CelTypeError;

function isLibraryError(error: unknown): error is LibraryError {
  return error instanceof ParseError || error instanceof EvaluationError || error instanceof CelTypeError;
}

function checkVariables(source: string, reads: readonly Reference[], known: ReadonlySet<string>): void {
  for (const { path, position } of reads) {
    const [name = ''] = path;
    if (known.has(name)) continue;
    throw new CelError(`unknown variable "${name}"`, { ...at(source, position), suggestion: nearest(name, known) });
  }
}

/** The error of a type check; a call of a function that does not exist is said as that. */
function explain(source: string, root: CelNode, error: unknown, library: CelLibrary): CelError {
  const functions = functionNames(library);
  const unknown = callsIn(root).find((call) => !functions.has(call.name));
  if (unknown) {
    const where = { ...at(source, unknown.position), suggestion: nearest(unknown.name, functions) };
    return new CelError(`unknown function "${unknown.name}"`, where);
  }
  if (isLibraryError(error)) return new CelError(error.summary, at(source, error.range?.start ?? 0));
  return new CelError(error instanceof Error ? error.message : String(error), at(source, 0));
}

const names = new Map<CelLibrary, ReadonlySet<string>>();

function functionNames(library: CelLibrary): ReadonlySet<string> {
  let known = names.get(library);
  if (!known) {
    known = new Set(
      environmentOf(library)
        .getDefinitions()
        .functions.map((definition) => definition.name),
    );
    names.set(library, known);
  }
  return known;
}

const MISSING = new Set(['no_such_key', 'unknown_variable', 'index_out_of_bounds', 'optional_value_missing']);

function evaluationError(source: string, error: unknown): Error {
  if (error instanceof BudgetError) return new CelError(error.message, at(source, 0));
  if (isLibraryError(error)) {
    const position = error.range?.start ?? 0;
    if (MISSING.has(error.code)) return new CelMissingError(missingPath(error), at(source, position));
    return new CelError(error.summary, at(source, position));
  }
  if (error instanceof RangeError) return new CelError(`the value is too large: ${error.message}`, at(source, 0));
  return new CelError(error instanceof Error ? error.message : String(error), at(source, 0));
}

/** Which path was read when a key was missing: from the node of the error, or else from its message. */
function missingPath(error: LibraryError): string[] {
  const node: unknown = error.node;
  const path = isNode(node) ? (memberPath(node) ?? indexedPath(node)) : undefined;
  return path ?? [error.summary.replace(/^[^:]*: /, '')];
}

function indexedPath(node: CelNode): string[] | undefined {
  if (!Array.isArray(node.args) || !isNode(node.args[0])) return undefined;
  const left = memberPath(node.args[0]) ?? indexedPath(node.args[0]);
  const last: unknown = node.args[1];
  if (!left) return undefined;
  return [...left, isNode(last) ? String(last.args) : String(last)];
}

function unique(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(paths.map((path) => [path.join('\0'), path])).values()];
}
