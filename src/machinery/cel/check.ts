import { isValidLiteral } from './literals.ts';
import { type Comprehension, childrenOf, type Expr, type Overload, qualifiedName } from './syntax.ts';
import { Bindings, type CelType, celType, formatType, isDyn, type ObjectType, optionalOf } from './type.ts';
import { CelTypeValue } from './value.ts';

/** What an expression may name. */
export interface CelScope {
  readonly functions: ReadonlyMap<string, readonly Overload[]>;
  /** The type of a variable by its (dotted) name. */
  variable(name: string): CelType | undefined;
  /** The type that `Name{field: value}` makes. */
  struct(name: string): ObjectType | undefined;
  /** Whether the items of a list literal, and the values of a map literal, must be of one type. */
  readonly homogeneous: boolean;
}

/** What is wrong with an expression, in cel-go's words. */
export interface CelIssue {
  readonly problem: string;
  readonly position: number;
  /** The variable or function that does not exist. */
  readonly unknown?: { readonly what: 'variable' | 'function'; readonly name: string };
}

/** The names of types, which an expression may read as values: `type(x) == int`. */
const typeValues: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ...(['bool', 'bytes', 'double', 'dyn', 'int', 'string', 'uint'] as const).map(
    (name) => [name, celType[name]] as [string, CelType],
  ),
  ['list', celType.list(celType.dyn)],
  ['map', celType.map(celType.dyn, celType.dyn)],
  ['null_type', celType.null],
  ['type', celType.type(celType.dyn)],
  ['optional_type', celType.optional(celType.dyn)],
  ['google.protobuf.Timestamp', celType.timestamp],
  ['google.protobuf.Duration', celType.duration],
  ...['net.IP', 'net.CIDR', 'kubernetes.Quantity', 'kubernetes.URL', 'kubernetes.Semver'].map(
    (name) => [name, celType.opaque(name)] as [string, CelType],
  ),
]);

export const typeNames: ReadonlySet<string> = new Set(typeValues.keys());

/**
 * Works out the type of every node, as cel-go's checker does (cel-spec, doc/langdef.md, "Gradual Type Checking"), resolves
 * names with dots in them, and notes which overloads a call can mean.
 * @returns what is wrong, in source order; nothing when the expression is well typed.
 */
export function checkCel(root: Expr, scope: CelScope): CelIssue[] {
  const issues: CelIssue[] = [];
  const bindings = new Bindings();
  let locals: ReadonlyMap<string, CelType> = new Map();
  let fresh = 0;
  /** Whether literals may hold values of several types here. */
  let mixed = false;

  const report = (node: Expr, problem: string, unknown?: CelIssue['unknown']): CelType => {
    issues.push({ problem, position: node.at, ...(unknown ? { unknown } : {}) });
    return celType.error;
  };

  function check(node: Expr): CelType {
    const type = typeOf(node);
    node.type = type;
    return type;
  }

  function typeOf(node: Expr): CelType {
    switch (node.kind) {
      case 'const':
        return constantType(node.value);
      case 'ident':
        return identifier(node, node.name);
      case 'select':
        return select(node);
      case 'call':
        return call(node);
      case 'list':
        return celType.list(
          joined(node.items.map(({ value, optional }) => ({ node: value, type: entryType(value, optional) }))),
        );
      case 'map':
        return celType.map(
          joined(node.entries.map(({ key }) => ({ node: key, type: check(key) }))),
          joined(node.entries.map(({ value, optional }) => ({ node: value, type: entryType(value, optional) }))),
        );
      case 'struct':
        return struct(node);
      case 'comprehension':
        return comprehension(node);
    }
  }

  function constantType(value: unknown): CelType {
    if (value instanceof CelTypeValue) return celType.type(typeValues.get(value.name) ?? celType.dyn);
    if (value === null) return celType.null;
    if (value instanceof Uint8Array) return celType.bytes;
    switch (typeof value) {
      case 'string':
        return celType.string;
      case 'bigint':
        return celType.int;
      case 'number':
        return celType.double;
      case 'boolean':
        return celType.bool;
      default:
        return celType.uint;
    }
  }

  const known = (name: string): CelType | undefined => locals.get(name) ?? scope.variable(name);

  function identifier(node: Expr, name: string): CelType {
    const type = known(name);
    if (type) return type;
    if (becomesType(node, name)) return check(node);
    return report(node, `undeclared reference to '${name}' (in container '')`, { what: 'variable', name });
  }

  /** Puts the type of that name in the node's place, if there is one. */
  function becomesType(node: Expr, name: string): boolean {
    if (!typeValues.has(name)) return false;
    become(node, { kind: 'const', value: new CelTypeValue(name), at: node.at });
    return true;
  }

  function select(node: Expr & { kind: 'select' }): CelType {
    const path = qualifiedName(node);
    const root = path?.split('.')[0] ?? '';
    if (path !== undefined && !locals.has(root)) {
      const variable = scope.variable(path);
      if (variable) {
        become(node, { kind: 'ident', name: path, at: node.at });
        return variable;
      }
      if (!scope.variable(root) && becomesType(node, path)) return check(node);
    }
    const operand = bindings.resolve(check(node.operand));
    const inner = optionalOf(operand);
    const found = member(node, inner ?? operand);
    if (node.test) return celType.bool;
    if (isDyn(found) && found.kind === 'error') return found;
    return inner || node.optional ? celType.optional(optionalOf(found) ?? found) : found;
  }

  function member(node: Expr & { kind: 'select' }, operand: CelType): CelType {
    switch (operand.kind) {
      case 'dyn':
      case 'error':
        return operand;
      case 'map':
        return operand.value;
      case 'param':
        bindings.assign(operand, celType.dyn);
        return celType.dyn;
      case 'object':
        return operand.field(node.field) ?? report(node, `undefined field '${node.field}'`);
      default:
        return report(node, `type '${formatType(operand)}' does not support field selection`);
    }
  }

  function call(node: Expr & { kind: 'call' }): CelType {
    const { target } = node;
    const path = target && qualifiedName(target);
    if (
      target &&
      path !== undefined &&
      !locals.has(path.split('.')[0] ?? '') &&
      scope.functions.has(`${path}.${node.name}`)
    ) {
      node.name = `${path}.${node.name}`;
      node.target = undefined;
    }
    const special = specialTypes[node.name];
    if (special) return special(node);
    const args = argumentTypes(node);
    const overloads = scope.functions.get(node.name);
    if (!overloads) {
      const unknown = { what: 'function', name: node.name } as const;
      return report(node, `undeclared reference to '${node.name}' (in container '')`, unknown);
    }
    return resolve(node, overloads, args);
  }

  function argumentTypes(node: Expr & { kind: 'call' }): CelType[] {
    const target = node.target ? [check(node.target)] : [];
    const outer = mixed;
    // What is formatted may be of any types: `"%s %d".format(["a", 1])`.
    mixed ||= node.name === 'format' && node.target !== undefined;
    const args = node.args.map(check);
    mixed = outer;
    return [...target, ...args];
  }

  /** `&&`, `||`, `?:` and the condition of loops, which are no functions. */
  const specialTypes: Record<string, (node: Expr & { kind: 'call' }) => CelType> = {
    '_&&_': (node) => logical(node),
    '_||_': (node) => logical(node),
    '@not_strictly_false': (node) => logical(node),
    '_?_:_': (node) => {
      const result = instantiate(celType.param('A'), ++fresh);
      return resolveTypes(node, [celType.bool, result, result], node.args.map(check), result);
    },
  };

  function logical(node: Expr & { kind: 'call' }): CelType {
    for (const arg of node.args) expect(arg, celType.bool);
    return celType.bool;
  }

  function resolveTypes(node: Expr & { kind: 'call' }, wanted: CelType[], args: CelType[], result: CelType): CelType {
    if (wanted.every((type, i) => bindings.assign(type, args[i] ?? celType.dyn))) return bindings.resolve(result);
    return report(node, noOverload(node, args));
  }

  function resolve(node: Expr & { kind: 'call' }, overloads: readonly Overload[], args: CelType[]): CelType {
    const member = node.target !== undefined;
    const matching: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of overloads) {
      if (overload.member !== member || overload.parameters.length !== args.length) continue;
      const attempt = bindings.copy();
      const number = ++fresh;
      const fits = overload.parameters.every((type, i) =>
        attempt.assign(instantiate(type, number), args[i] ?? celType.dyn),
      );
      if (!fits) continue;
      bindings.adopt(attempt);
      matching.push(overload);
      const own = bindings.resolve(instantiate(overload.result, number));
      if (result === undefined) result = own;
      else if (!isDyn(result) && formatType(result) !== formatType(own)) result = celType.dyn;
    }
    if (result === undefined) return report(node, noOverload(node, args));
    node.overloads = matching;
    checkLiterals(node);
    return result;
  }

  /** What a literal argument says can be judged at once. */
  function checkLiterals(node: Expr & { kind: 'call' }): void {
    const literal = node.args.at(-1);
    if (literal?.kind !== 'const' || isValidLiteral(node.name, literal.value)) return;
    report(literal, `invalid ${node.name} argument`);
  }

  function noOverload(node: Expr & { kind: 'call' }, args: CelType[]): string {
    const shown = args.map((type) => formatType(bindings.resolve(type, true)));
    const applied = node.target ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return `found no matching overload for '${node.name}' applied to '${applied}'`;
  }

  /** The type of a list's item or a map's value; `?e` is what the optional e holds. */
  function entryType(node: Expr, optional: boolean): CelType {
    const type = check(node);
    if (!optional) return type;
    const inner = optionalOf(bindings.resolve(type));
    if (inner) return inner;
    return isDyn(type)
      ? celType.dyn
      : report(node, `expected type 'optional_type(dyn)' but found '${formatType(type)}'`);
  }

  /** One type for the items of a literal. */
  function joined(items: readonly { node: Expr; type: CelType }[]): CelType {
    let common: CelType | undefined;
    for (const { node, type } of items) {
      if (common === undefined) common = type;
      else if (!isDyn(common) && !bindings.assign(common, type)) {
        if (scope.homogeneous && !mixed) {
          return report(
            node,
            `expected type '${formatType(bindings.resolve(common, true))}' but found '${formatType(bindings.resolve(type, true))}'`,
          );
        }
        common = celType.dyn;
      } else if (isDyn(type)) common = celType.dyn;
    }
    return common ?? instantiate(celType.param('T'), ++fresh);
  }

  function struct(node: Expr & { kind: 'struct' }): CelType {
    const type = scope.struct(node.name);
    if (!type) {
      for (const { value } of node.fields) check(value);
      return report(node, `undeclared reference to '${node.name}' (in container '')`);
    }
    for (const { name, value, optional } of node.fields) {
      const wanted = type.field(name);
      const given = entryType(value, optional);
      if (!wanted) report(value, `undefined field '${name}'`);
      else if (!bindings.assign(wanted, given)) {
        report(
          value,
          `expected type of field '${name}' is '${formatType(wanted)}' but provided type is '${formatType(given)}'`,
        );
      }
    }
    return type;
  }

  function comprehension(node: Expr & Comprehension): CelType {
    const range = bindings.resolve(check(node.range));
    const initial = check(node.initial);
    const outer = locals;
    const withAccumulator = new Map(outer).set(node.accumulator, initial);
    locals = withVariables(new Map(withAccumulator), node, range);
    expect(node.condition, celType.bool);
    expect(node.step, initial);
    locals = withAccumulator;
    const result = check(node.result);
    locals = outer;
    return bindings.resolve(result);
  }

  function expect(node: Expr, wanted: CelType): void {
    const type = check(node);
    if (bindings.assign(wanted, type)) return;
    report(
      node,
      `expected type '${formatType(bindings.resolve(wanted, true))}' but found '${formatType(bindings.resolve(type, true))}'`,
    );
  }

  function withVariables(
    within: Map<string, CelType>,
    node: Expr & Comprehension,
    range: CelType,
  ): Map<string, CelType> {
    const [key, value] = rangeTypes(node, range);
    if (node.variable2 === undefined) return within.set(node.variable, range.kind === 'map' ? key : value);
    return within.set(node.variable, key).set(node.variable2, value);
  }

  function rangeTypes(node: Expr & Comprehension, range: CelType): [key: CelType, value: CelType] {
    switch (range.kind) {
      case 'list':
        return [celType.int, range.of];
      case 'map':
        return [range.key, range.value];
      case 'dyn':
      case 'error':
        return [celType.dyn, celType.dyn];
      case 'param':
        bindings.assign(range, celType.dyn);
        return [celType.dyn, celType.dyn];
      default: {
        const shown = formatType(range);
        report(
          node.range,
          `expression of type '${shown}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [celType.error, celType.error];
      }
    }
  }

  check(root);
  if (issues.length > 0) return issues.sort((a, b) => a.position - b.position);
  settle(root, bindings);
  return issues;
}

/** Puts what the parameters turned out to be into the types of all nodes. */
function settle(node: Expr, bindings: Bindings): void {
  if (node.type) node.type = bindings.resolve(node.type, true);
  for (const child of childrenOf(node)) settle(child, bindings);
}

/** The type with its parameters renamed, so that two calls of one function do not share them. */
function instantiate(type: CelType, number: number): CelType {
  switch (type.kind) {
    case 'param':
      return celType.param(`${type.name}${number}`);
    case 'list':
      return celType.list(instantiate(type.of, number));
    case 'map':
      return celType.map(instantiate(type.key, number), instantiate(type.value, number));
    case 'opaque':
      return type.params.length === 0
        ? type
        : celType.opaque(type.name, ...type.params.map((param) => instantiate(param, number)));
    case 'type':
      return celType.type(instantiate(type.of, number));
    default:
      return type;
  }
}

/** Makes a node another one, in place. */
function become(node: Expr, other: Expr): void {
  const target = node as unknown as Record<string, unknown>;
  for (const name of Object.keys(target)) if (name !== 'at') delete target[name];
  Object.assign(target, other, { at: node.at });
}
