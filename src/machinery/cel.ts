import { type CelBudget, Meter } from './cel/budget.ts';
import { type CelIssue, type CelScope, checkCel, typeNames } from './cel/check.ts';
import { compileExpr, type Frame } from './cel/evaluate.ts';
import { BudgetFault, CelFault, MissingFault } from './cel/fault.ts';
import { type CelLibrary, functionsOf, namespacesOf } from './cel/library.ts';
import { parseCel } from './cel/parse.ts';
import type { CelFunctions } from './cel/signature.ts';
import { type Expr, referencesIn } from './cel/syntax.ts';
import { type CelType, celType, formatType, type ObjectType } from './cel/type.ts';
import { fromCel, toCel } from './cel/value.ts';
import { CelError, CelMissingError, nearest } from './cel-error.ts';
import type { Fields } from './object.ts';

export interface CelOptions {
  /**
   * The variables that exist, by name, with their types (or only their names: then they are dyn, and checked when an
   * expression is evaluated). An expression that reads any other is refused. Left out: any variable will do.
   */
  variables?: Iterable<string> | Readonly<Record<string, CelType>>;
  /** The functions beside the standard ones. Default: those of Kubernetes. */
  library?: CelLibrary;
  /**
   * Functions of the caller's own, by signature (see CelFunctions). Hold the object in a constant: what is made of it is
   * kept with it.
   */
  functions?: CelFunctions;
  /** The types that `Name{field: value}` can make, by name: 'JSONPatch', 'Object.spec'. */
  structs?: (name: string) => ObjectType | undefined;
  /** What an expression must give. One of another type is refused. */
  result?: CelType;
}

/** A compiled expression. */
export interface CelProgram {
  readonly source: string;
  /**
   * The free variables that it reads, each with the member path read from it, without repeats:
   * [['schema', 'spec', 'tag'], ['deployment', 'status']]. An index or a call ends a path.
   */
  readonly references: readonly (readonly string[])[];
  /** The type of what it gives. */
  readonly type: CelType;
  /** The checked expression: what its cost is estimated from. */
  readonly root: Expr;
  /**
   * The value as JSON (celOmitted for kro's `omit()` or an empty optional).
   * @param variables JSON values by name, never changed, converted by the types they are declared with; a dyn number
   * without a fraction is an int, any other a double. Instances of opaque types, and CEL values from `value`, are taken as
   * they are. A property may be a getter: it runs when the expression first reads it.
   * @param budget what this and other evaluations may cost together.
   * @throws CelMissingError when a key, index or variable does not exist; CelBudgetError when it costs too much; CelError
   * for any other failure.
   */
  evaluate(variables: Fields, budget?: CelBudget): unknown;
  /** The same as a CEL value (see cel/value.ts), to be another expression's variable: its type is not lost. */
  value(variables: Fields, budget?: CelBudget): unknown;
}

/** The expression needs more than its budget. */
export class CelBudgetError extends CelError {}

/** The longest expression that is accepted, in UTF-16 units. */
const MAX_LENGTH = 32_768;

/**
 * Compiles a CEL expression (cel-spec v0.25 with cel-go's optionals, as Kubernetes 1.34 configures it) against typed
 * variables. Length, nesting and evaluation are bounded.
 *
 * ```ts
 * const program = compileCel('object.spec.replicas <= 5 && authorizer.group("apps").allowed()', {
 *   variables: { object: celTypeOfSchema(schema), authorizer: celType.opaque('kubernetes.authorization.Authorizer') },
 *   functions: { '(kubernetes.authorization.Authorizer).group(string): …GroupCheck': (self, group) => … },
 *   result: celType.bool,
 * });
 * program.evaluate({ object, authorizer: new Authorizer(user) }, budget);
 * ```
 * A class behind an opaque type has `static readonly celType = 'kubernetes.authorization.Authorizer'`.
 * @throws CelError for a syntax or type error, an unknown variable or function: its `report` is what cel-go prints.
 */
export function compileCel(source: string, options: CelOptions = {}): CelProgram {
  if (source.length > MAX_LENGTH) {
    const problem = `the expression is ${source.length} characters long, more than ${MAX_LENGTH}`;
    throw new CelError(problem, { expression: source, position: 0 });
  }
  const root = parseCel(source, options.library === 'kro');
  const variables = variablesOf(options.variables);
  const scope = scopeOf(options, variables);
  const issues = checkCel(root, scope);
  if (issues.length > 0) throw errorOf(source, issues, variables, scope);
  const type = root.type ?? celType.dyn;
  if (options.result && type.kind !== options.result.kind && type.kind !== 'dyn') {
    const problem = `cel expression must evaluate to a ${formatType(options.result)}`;
    throw new CelError(problem, { expression: source, position: 0 });
  }
  const { evaluate, slots } = compileExpr(root, scope.struct);

  function value(given: Fields, budget?: CelBudget): unknown {
    const meter = new Meter(budget);
    const converted = new Map<string, unknown>();
    const frame: Frame = {
      slots: new Array(slots),
      meter,
      variable(name) {
        if (converted.has(name)) return converted.get(name);
        if (!Object.hasOwn(given, name) || given[name] === undefined) return undefined;
        const made = toCel(given[name], variables?.get(name) ?? celType.dyn);
        converted.set(name, made);
        return made;
      },
    };
    try {
      return evaluate(frame);
    } catch (error) {
      throw evaluationError(source, error);
    } finally {
      meter.settle();
    }
  }

  return {
    source,
    references: unique(referencesIn(root).map(({ path }) => path)),
    type,
    root,
    evaluate: (given, budget) => fromCel(value(given, budget)),
    value,
  };
}

/** Names that expressions have already, for types and groups of functions: a variable called so cannot be read. */
export const celNames: ReadonlySet<string> = new Set(
  [...namespacesOf('kro'), ...typeNames].filter((name) => !name.includes('.')),
);

function variablesOf(given: CelOptions['variables']): ReadonlyMap<string, CelType> | undefined {
  if (given === undefined) return undefined;
  if (Symbol.iterator in given) return new Map([...given].map((name) => [name, celType.dyn]));
  return new Map(Object.entries(given));
}

function scopeOf(options: CelOptions, variables: ReadonlyMap<string, CelType> | undefined): CelScope {
  const library = options.library ?? 'kubernetes';
  const namespaces = namespacesOf(library);
  return {
    functions: functionsOf(library, options.functions),
    variable: (name) => {
      if (variables) return variables.get(name);
      return name.includes('.') || namespaces.has(name) || typeNames.has(name) ? undefined : celType.dyn;
    },
    struct: options.structs ?? (() => undefined),
    homogeneous: library === 'kubernetes',
  };
}

/** Functions of kro's that are known, so that a definition with one hears why not. */
const refused: Record<string, string> = {
  now: 'time.now() is not supported: a value is computed again only when an object changes',
};

/** All issues as one error; what does not exist is said with the nearest that does. */
function errorOf(
  source: string,
  issues: readonly CelIssue[],
  variables: ReadonlyMap<string, CelType> | undefined,
  { functions }: CelScope,
): CelError {
  const [first] = issues;
  const { problem = '', position = 0, unknown } = first ?? {};
  const known = unknown && Object.hasOwn(refused, unknown.name) ? refused[unknown.name] : undefined;
  if (!unknown || known) return new CelError(known ?? problem, { expression: source, position, issues });
  const candidates = unknown.what === 'function' ? [...functions.keys()].map(lastName) : [...(variables?.keys() ?? [])];
  const where = { expression: source, position, issues, suggestion: nearest(unknown.name, candidates) };
  return new CelError(`unknown ${unknown.what} "${unknown.name}"`, where);
}

const lastName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function evaluationError(source: string, error: unknown): Error {
  const at = { expression: source, position: error instanceof CelFault ? (error.position ?? 0) : 0 };
  if (error instanceof BudgetFault) return new CelBudgetError(error.message, at);
  if (error instanceof MissingFault) return new CelMissingError(error.path, at, error.message);
  if (error instanceof RangeError) return new CelError(`the value is too large: ${error.message}`, at);
  return new CelError(error instanceof Error ? error.message : String(error), at);
}

function unique(paths: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return [...new Map(paths.map((path) => [path.join('\0'), path])).values()];
}
