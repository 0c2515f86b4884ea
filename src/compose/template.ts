import { CelError, type CelProgram, celOmitted, compileCel, type Fields } from '../machinery/index.ts';
import { fieldPath, type Problems } from './definition-error.ts';
import { splitExpressions } from './expressions.ts';

/** A compiled part of a resource template. Parts without expressions are kept as the JSON they are. */
export type Template =
  | { kind: 'literal'; value: unknown }
  | { kind: 'expression'; program: CelProgram }
  | { kind: 'text'; parts: readonly (string | CelProgram)[] }
  | { kind: 'object'; fields: ReadonlyMap<string, Template> }
  | { kind: 'list'; items: readonly Template[] };

export interface TemplateScope {
  /** The names that expressions may use: `schema` and the ids of the resources. */
  variables: ReadonlySet<string>;
  problems: Problems;
}

const MAX_DEPTH = 100;
/** A value that has no expression in it. */
const literal = (value: unknown): Template => ({ kind: 'literal', value });

/** Compiles a template. What is wrong is noted in the scope's problems with the path of the field. */
export function compileTemplate(value: unknown, path: string, scope: TemplateScope, depth = 0): Template {
  if (depth > MAX_DEPTH) {
    scope.problems.add(path, `nested more than ${MAX_DEPTH} levels deep`);
    return literal(null);
  }
  if (typeof value === 'string') return compileText(value, path, scope);
  if (Array.isArray(value)) {
    const items = value.map((item, index) => compileTemplate(item, fieldPath(path, index), scope, depth + 1));
    return items.every((item) => item.kind === 'literal') ? literal(value) : { kind: 'list', items };
  }
  if (typeof value !== 'object' || value === null) return literal(value);
  const fields = new Map(
    Object.entries(value).map(([name, item]) => [name, compileTemplate(item, fieldPath(path, name), scope, depth + 1)]),
  );
  return [...fields.values()].every((field) => field.kind === 'literal') ? literal(value) : { kind: 'object', fields };
}

/** Compiles a condition such as readyWhen's: one expression, written `${…}`. */
export function compileCondition(text: unknown, path: string, scope: TemplateScope): CelProgram | undefined {
  const template = typeof text === 'string' ? compileText(text, path, scope) : literal(text);
  if (template.kind === 'expression') return template.program;
  if (template.kind !== 'literal' || template.value !== null) {
    scope.problems.add(path, 'expected one expression, written ${…}');
  }
  return undefined;
}

function compileText(text: string, path: string, scope: TemplateScope): Template {
  if (!text.includes('${')) return literal(text);
  const parts = scope.problems.attempt(path, () =>
    splitExpressions(text).map((piece) =>
      'text' in piece ? piece.text : compileCel(piece.expression, { variables: scope.variables, library: 'kro' }),
    ),
  );
  if (!parts) return literal(null);
  // White space around an expression that stands alone is YAML's, not the value's.
  const meant = parts.filter((part) => typeof part !== 'string' || part.trim() !== '');
  const [only] = meant;
  if (meant.length === 1 && only && typeof only !== 'string') return { kind: 'expression', program: only };
  return { kind: 'text', parts };
}

/** The expressions of a template, in order. */
export function* programsIn(template: Template): Generator<CelProgram> {
  switch (template.kind) {
    case 'literal':
      return;
    case 'expression':
      yield template.program;
      return;
    case 'text':
      for (const part of template.parts) if (typeof part !== 'string') yield part;
      return;
    case 'list':
      for (const item of template.items) yield* programsIn(item);
      return;
    case 'object':
      for (const field of template.fields.values()) yield* programsIn(field);
      return;
  }
}

/**
 * The value of a template: new objects along expressions, shared ones elsewhere; never change it in place.
 * celOmitted if the whole is left out. Throws CelMissingError or CelError as the expressions do.
 */
export function render(template: Template, variables: Fields): unknown {
  switch (template.kind) {
    case 'literal':
      return template.value;
    case 'expression':
      return template.program.evaluate(variables);
    case 'text':
      return template.parts.map((part) => renderPart(part, variables)).join('');
    case 'list':
      return template.items.map((item) => render(item, variables)).filter((item) => item !== celOmitted);
    case 'object': {
      const out: Fields = {};
      for (const [name, field] of template.fields) {
        const value = render(field, variables);
        if (value === celOmitted) continue;
        // Not an assignment: a field called __proto__ stays a field.
        Object.defineProperty(out, name, { value, configurable: true, enumerable: true, writable: true });
      }
      return out;
    }
  }
}

/** One part of an interpolated string, as text. */
export function renderPart(part: string | CelProgram, variables: Fields): string {
  if (typeof part === 'string') return part;
  const value = part.evaluate(variables);
  if (value === celOmitted) return '';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  const what = value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object';
  throw new CelError(`${what} cannot be part of a string`, { expression: part.source, position: 0 });
}
