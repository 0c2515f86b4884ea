import { canonicalJson } from './canonical.ts';
import { invalidValue, requiredValue, tooLong, tooMany, unsupportedValue, wrongType } from './field-error.ts';
import { equalJson, isFields } from './json.ts';
import type { Fields } from './object.ts';
import { cachedRe2 } from './re2.ts';
import type { Schema } from './schema.ts';
import type { At, Check } from './structural-context.ts';
import { embeddedResourceErrors } from './structural-embedded.ts';
import { formatCheck } from './structural-formats.ts';
import { compileJunctors } from './structural-junctors.ts';
import { listKeysOf, listTypeCheck } from './structural-lists.ts';
import { propertySchema } from './structural-prune.ts';
import { ruleCheck } from './structural-rules.ts';

/**
 * Compiles a schema to a closure. Schemas inside are compiled when a value first reaches them, so that recursive
 * schemas end and unused parts cost nothing.
 */
function compileSchema(schema: Schema): Check {
  const checks = [
    typeCheck(schema),
    compileJunctors(schema, lazy),
    stringCheck(schema),
    formatCheckOf(schema),
    numberCheck(schema),
    arrayCheck(schema),
    enumCheck(schema),
    objectCheck(schema),
  ].filter((check) => check !== undefined);
  const nullChecks = [typeCheck(schema), enumCheck(schema)].filter((check) => check !== undefined);
  const rules = ruleCheck(schema);
  return (value, at) => {
    let passed = 1;
    const before = at.errors.length;
    if (rules) at.rules.push((budget) => rules(value, at.old, at.rulePath ?? at.path, budget));
    for (const check of value === null ? nullChecks : checks) passed += check(value, at);
    const failed = at.errors.length > before;
    if (failed && at.old !== undefined && equalJson(value, at.old)) at.errors.length = before;
    return passed;
  };
}

const compiled = new WeakMap<Schema, Check>();

/** The check of a schema, compiled on first use and shared by every place that holds the same schema. */
export function compiledSchema(schema: Schema): Check {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const made = compileSchema(schema);
  compiled.set(schema, made);
  return made;
}

const lazy =
  (schema: Schema): Check =>
  (value, at) =>
    compiledSchema(schema)(value, at);

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (typeof value === 'bigint') return 'integer';
  return typeof value;
}

function typeCheck(schema: Schema): Check | undefined {
  const types = schema['x-kubernetes-int-or-string'] ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  if (types.length === 0) return undefined;
  const expected = types.join(',');
  return (value, at) => {
    const actual = jsonType(value);
    if (types.includes(actual) || (actual === 'integer' && types.includes('number'))) return 2;
    if (actual === 'null' && schema.nullable) return 1;
    at.errors.push(wrongType(at.path, actual, `${at.path} in body must be of type ${expected}: "${actual}"`));
    return 1;
  };
}

/** Characters as Go counts them: code points. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if (text.charCodeAt(i) >= 0xd800 && text.charCodeAt(i) < 0xdc00) length--;
  }
  return length;
}

function stringCheck(schema: Schema): Check | undefined {
  const { maxLength, minLength, pattern } = schema;
  if (maxLength === undefined && minLength === undefined && !pattern) return undefined;
  const regex = pattern ? cachedRe2(pattern) : undefined;
  return (value, at) => {
    if (typeof value !== 'string') return 0;
    const fail = (what: string) => at.errors.push(invalidValue(at.path, value, `${at.path} in body should ${what}`));
    if (maxLength !== undefined && value.length > maxLength && lengthOf(value) > maxLength) {
      // Nothing else is said of a string that is too long: its pattern need not be run on it.
      at.errors.push(tooLong(at.path, maxLength));
    } else if (minLength !== undefined && lengthOf(value) < minLength) {
      fail(`be at least ${minLength} chars long`);
    } else if (regex !== undefined && !regex.test(value)) fail(`match '${pattern}'`);
    return 1;
  };
}

function formatCheckOf(schema: Schema): Check | undefined {
  const isValid = schema.format && schema.type === 'string' ? formatCheck(schema.format) : undefined;
  if (isValid === undefined) return undefined;
  return (value, at) => {
    if (typeof value !== 'string') return 0;
    if (!isValid(value)) {
      const detail = `${at.path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`;
      at.errors.push(wrongType(at.path, value, detail));
    }
    return 1;
  };
}

function numberCheck(schema: Schema): Check | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  if (minimum === undefined && maximum === undefined && multipleOf === undefined) return undefined;
  return (given, at) => {
    if (typeof given !== 'number' && typeof given !== 'bigint') return 0;
    const value = Number(given);
    const fail = (what: string) => at.errors.push(invalidValue(at.path, given, `${at.path} in body should be ${what}`));
    if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(value, multipleOf))
      fail(`a multiple of ${multipleOf}`);
    if (maximum !== undefined && (value > maximum || (exclusiveMaximum && value === maximum))) {
      fail(`less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`);
    }
    if (minimum !== undefined && (value < minimum || (exclusiveMinimum && value === minimum))) {
      fail(`greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`);
    }
    return 1;
  };
}

/** Division of decimal fractions is not exact: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, factor: number): boolean {
  const quotient = value / factor;
  return Math.abs(quotient - Math.round(quotient)) <= Number.EPSILON * Math.max(1, Math.abs(quotient));
}

function arrayCheck(schema: Schema): Check | undefined {
  const { minItems, maxItems, items } = schema;
  const item = items && lazy(items);
  const correlate = correlation(schema);
  const repeats = listTypeCheck(schema);
  return (value, at) => {
    if (!Array.isArray(value)) return 0;
    let passed = 1;
    if (maxItems !== undefined && value.length > maxItems) at.errors.push(tooMany(at.path, value.length, maxItems));
    if (minItems !== undefined && value.length < minItems) {
      at.errors.push(invalidValue(at.path, value.length, `${at.path} in body should have at least ${minItems} items`));
    }
    const old = Array.isArray(at.old) ? at.old : undefined;
    if (item !== undefined) {
      const oldItem = old && correlate(old);
      for (let i = 0; i < value.length; i++) {
        passed += item(value[i], {
          path: `${at.path}[${i}]`,
          ...(at.rulePath === undefined ? {} : { rulePath: `${at.rulePath}[${i}]` }),
          old: oldItem?.(value[i]),
          errors: at.errors,
          rules: at.rules,
        });
      }
    }
    const repeated = repeats?.(value, at.path) ?? [];
    // A list that had repeats before the rule did may keep them.
    if (repeated.length > 0 && !(old && repeats && repeats(old, at.path).length > 0)) at.errors.push(...repeated);
    return passed;
  };
}

type Correlate = (old: readonly unknown[]) => (item: unknown) => unknown;

/** How an item finds its old self: by its keys in a list of type map; other lists have no such thing. */
function correlation(schema: Schema): Correlate {
  if (schema['x-kubernetes-list-type'] !== 'map') return () => () => undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const identity = (item: unknown) => canonicalJson(listKeysOf(item, keys));
  return (old) => {
    const byKeys = new Map(old.map((item) => [identity(item), item]));
    return (item) => byKeys.get(identity(item));
  };
}

function enumCheck(schema: Schema): Check | undefined {
  const values = schema.enum;
  if (values === undefined || values.length === 0) return undefined;
  const supported = values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)));
  return (value, at) => {
    if (values.some((allowed) => equalJson(allowed, value))) return 1;
    at.errors.push(unsupportedValue(at.path, value, supported));
    return 0;
  };
}

function objectCheck(schema: Schema): Check | undefined {
  const { required = [], minProperties, maxProperties } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const fields = fieldChecks(schema);
  const isMap = typeof schema.additionalProperties === 'object';
  return (value, at) => {
    if (!isFields(value)) return 0;
    const keys = Object.keys(value);
    if (minProperties !== undefined && keys.length < minProperties) {
      const detail = `${at.path} in body should have at least ${minProperties} properties`;
      at.errors.push(invalidValue(at.path, keys.length, detail));
      return 0;
    }
    if (maxProperties !== undefined && keys.length > maxProperties) {
      at.errors.push(tooMany(at.path, keys.length, maxProperties));
      return 0;
    }
    if (embedded) at.errors.push(...embeddedResourceErrors(value, at.path));
    let passed = 1;
    const old = isFields(at.old) ? at.old : undefined;
    for (const key of keys) {
      const check = fields(key);
      if (check !== undefined) passed += check(value[key], inside(at, key, old, isMap));
    }
    for (const key of required) {
      if (!Object.hasOwn(value, key)) at.errors.push(requiredValue(fieldPath(at.path, key)));
    }
    return passed;
  };
}

const fieldPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

function inside(at: At, key: string, old: Fields | undefined, isMap: boolean): At {
  const before = old !== undefined && Object.hasOwn(old, key) ? old[key] : undefined;
  const within: At = { path: fieldPath(at.path, key), old: before, errors: at.errors, rules: at.rules };
  const ruled = at.rulePath ?? at.path;
  if (isMap) within.rulePath = `${ruled}[${key}]`;
  else if (at.rulePath !== undefined) within.rulePath = fieldPath(ruled, key);
  return within;
}

/** The check of a field by its name; undefined for a field that anything may be in. */
function fieldChecks(schema: Schema): (key: string) => Check | undefined {
  const known = new Map<string, Check>();
  return (key) => {
    const made = known.get(key);
    if (made !== undefined) return made;
    const property = propertySchema(schema, key);
    if (property === undefined || property === true) return undefined;
    const check = lazy(property);
    // Only named properties are kept: the keys of a map are the user's, and without end.
    if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) known.set(key, check);
    return check;
  };
}
