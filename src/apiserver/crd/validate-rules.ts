import {
  CelError,
  type CompiledRule,
  compilation,
  compileRule,
  forbiddenValue,
  invalidValue,
  isFields,
  requiredValue,
  type Schema,
  type StatusCause,
  schemaFieldAt,
  unsupportedValue,
  type ValidationRule,
} from '../../machinery/index.ts';

/** What a rule, and all rules of a version, may cost at most by estimate, in cel-go's units. */
const RULE_LIMIT = 10_000_000;
const SCHEMA_LIMIT = 100_000_000;
/** The most bytes of a request, which bounds how often something can occur that nothing else bounds. */
const MAX_REQUEST = 3 * 1024 * 1024;

/** Where a schema stands in the schema of a version. */
interface Place {
  readonly path: string;
  /** How often a value of it can occur in one object; undefined when no limit says so. */
  readonly count: number | undefined;
  /** The part above it whose values cannot be told apart between two revisions of an object. */
  readonly uncorrelated: string | undefined;
  readonly root: boolean;
}

interface Estimate {
  readonly path: string;
  readonly cost: number;
}

/**
 * The errors of `x-kubernetes-validations`: rules that do not compile against their schema, that ask for an oldSelf that
 * cannot be found, and that cost too much, each and together.
 */
export function ruleErrors(schema: Schema, path: string): StatusCause[] {
  const costs: Estimate[] = [];
  const errors = errorsWithin(schema, { path, count: 1, uncorrelated: undefined, root: true }, costs);
  return [...errors, ...totalErrors(costs, path)];
}

function errorsWithin(schema: Schema, place: Place, costs: Estimate[]): StatusCause[] {
  const rules = schema['x-kubernetes-validations'] ?? [];
  const { path } = place;
  const inner = innerPlaces(schema, place).flatMap(([child, where]) => errorsWithin(child, where, costs));
  const shape = rules.flatMap((rule, i) => shapeErrors(rule, schema, `${path}.x-kubernetes-validations[${i}]`));
  if (shape.length > 0) return [...inner, ...shape];
  const own = rules.flatMap((rule, i) => {
    const compiled = compileRule(rule, schema, place.root || schema['x-kubernetes-embedded-resource'] === true);
    return compileErrors(compiled, `${path}.x-kubernetes-validations[${i}]`, place, costs);
  });
  return [...inner, ...own];
}

/** The schemas of fields, items and entries: where rules may stand. */
function innerPlaces(schema: Schema, { path, count, uncorrelated }: Place): [Schema, Place][] {
  const { properties = {}, items, additionalProperties, maxItems, maxProperties } = schema;
  const times = (limit: number | undefined) => (count === undefined || limit === undefined ? undefined : count * limit);
  const atomic = schema['x-kubernetes-map-type'] === 'atomic' ? path : undefined;
  const found: [Schema, Place][] = Object.entries(properties).map(([name, property]) => [
    property,
    { path: `${path}.properties[${name}]`, count, uncorrelated: uncorrelated ?? atomic, root: false },
  ]);
  if (isFields(additionalProperties)) {
    const where = { path: `${path}.additionalProperties`, count: times(maxProperties), uncorrelated, root: false };
    found.push([additionalProperties, where]);
  }
  if (isFields(items)) {
    const loose = schema['x-kubernetes-list-type'] === 'map' ? undefined : path;
    const where = { path: `${path}.items`, count: times(maxItems), uncorrelated: uncorrelated ?? loose, root: false };
    found.push([items, where]);
  }
  return found;
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const hasBreaks = (text: string): boolean => /[\r\n]/.test(text);

function shapeErrors(rule: ValidationRule, schema: Schema, at: string): StatusCause[] {
  const { messageExpression = '', reason, fieldPath = '' } = rule;
  const errors = textErrors(rule, at);
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(requiredValue(`${at}.messageExpression`, 'must be non-empty if specified'));
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(unsupportedValue(`${at}.reason`, reason, reasons));
  }
  if (fieldPath === '') return errors;
  const wrong = (why: string) => errors.push(invalidValue(`${at}.fieldPath`, fieldPath, why));
  if (fieldPath.trim() === '') wrong('must be non-empty if specified');
  if (hasBreaks(fieldPath)) wrong('must not contain line breaks');
  if (typeof schemaFieldAt(fieldPath, schema, true) === 'string') wrong('must be a valid path');
  return errors;
}

function textErrors(rule: ValidationRule, at: string): StatusCause[] {
  const [text, message] = [(rule.rule ?? '').trim(), rule.message ?? ''];
  if (text === '') return [requiredValue(`${at}.rule`, 'rule is not specified')];
  if (message !== '' && message.trim() === '') {
    return [invalidValue(`${at}.message`, message, 'must be non-empty if specified')];
  }
  if (hasBreaks(message.trim())) return [invalidValue(`${at}.message`, message, 'must not contain line breaks')];
  if (hasBreaks(text) && message === '') {
    return [requiredValue(`${at}.message`, 'must be specified if rule contains line breaks')];
  }
  return [];
}

function compileErrors(compiled: CompiledRule, at: string, place: Place, costs: Estimate[]): StatusCause[] {
  const { rule, program, message, cost, messageCost, minSize } = compiled;
  const errors: StatusCause[] = [];
  const most = times(cost, place.count ?? Math.floor(MAX_REQUEST / (minSize + 1)));
  errors.push(...costErrors('estimated rule cost', most, `${at}.rule`, costs));
  if (program instanceof CelError) errors.push(invalidValue(`${at}.rule`, shown(rule), compilation(program)));
  if (message instanceof CelError) {
    errors.push(invalidValue(`${at}.messageExpression`, shown(rule), messageCompilation(message)));
  } else if (message) {
    errors.push(...costErrors('estimated messageExpression cost', messageCost, `${at}.messageExpression`, costs));
  }
  return [...errors, ...oldSelfErrors(compiled, at, place)];
}

function oldSelfErrors({ rule, isTransition }: CompiledRule, at: string, { uncorrelated }: Place): StatusCause[] {
  if (!isTransition) {
    if (rule.optionalOldSelf === undefined) return [];
    const why = 'may not be set if oldSelf is not used in rule';
    return [invalidValue(`${at}.optionalOldSelf`, rule.optionalOldSelf, why)];
  }
  if (uncorrelated === undefined) return [];
  const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
  return [invalidValue(`${at}.rule`, rule.rule, why)];
}

const messageCompilation = (error: CelError): string =>
  error.problem.startsWith('cel expression must')
    ? 'messageExpression must evaluate to a string'
    : `messageExpression ${compilation(error)}`;

/** A rule as kube-apiserver prints it: the fields of its Go type, in JSON that is safe in HTML. */
function shown(rule: ValidationRule): unknown {
  return {
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}

const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);

function costErrors(what: string, cost: number, path: string, costs: Estimate[]): StatusCause[] {
  costs.push({ path, cost });
  return cost > RULE_LIMIT ? [forbiddenValue(path, exceeded(what, cost, RULE_LIMIT))] : [];
}

function totalErrors(costs: readonly Estimate[], path: string): StatusCause[] {
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= SCHEMA_LIMIT) return [];
  const worst = costs.filter(({ cost }) => cost >= SCHEMA_LIMIT / 100).sort((a, b) => (b.cost > a.cost ? 1 : -1));
  const contributed = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  return [
    ...worst.slice(0, 4).map((each) => forbiddenValue(each.path, contributed)),
    forbiddenValue(path, exceeded(what, total, SCHEMA_LIMIT)),
  ];
}

function exceeded(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown = factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  const advice =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `${what} exceeds budget by factor of ${shown} (${advice})`;
}
