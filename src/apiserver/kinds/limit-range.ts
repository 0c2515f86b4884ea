import {
  compareQuantity,
  duplicateValue,
  type Fields,
  forbiddenValue,
  formatQuantity,
  invalidValue,
  parseQuantity,
  type Quantity,
  qualifiedNameErrors,
  quantityToNumber,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll } from './checks.ts';
import { ensureObject, objectAt, objectsAt, textAt } from './fields.ts';
import { containerResourceNameErrors, mayOvercommit, resourceNameErrors } from './resource-names.ts';

const standardTypes = ['Container', 'PersistentVolumeClaim', 'Pod'];

export const limitRangeStrategy: KindStrategy = {
  createsOnUpdate: true,
  applyDefaults({ spec }) {
    for (const limit of objectsAt(spec, 'limits')) {
      if (limit['type'] === 'Container') defaultContainerLimits(limit);
    }
  },
  validate({ spec }) {
    const types = new Set<string>();
    return objectsAt(spec, 'limits').flatMap((limit, index) => {
      const path = `spec.limits[${index}]`;
      const type = textAt(limit, 'type');
      const errors = typeErrors(type, `${path}.type`);
      if (types.has(type)) errors.push(duplicateValue(`${path}.type`, type));
      types.add(type);
      return [...errors, ...limitErrors(limit, type, path)];
    });
  },
};

/** What is not said about a container's limits follows from what is, in place. */
function defaultContainerLimits(limit: Fields): void {
  const known = (key: string): Fields => objectAt(limit, key) ?? {};
  const limits = { ...known('max'), ...known('default') };
  const requests = { ...known('min'), ...limits, ...known('defaultRequest') };
  if (Object.keys(limits).length > 0) Object.assign(ensureObject(limit, 'default'), limits);
  if (Object.keys(requests).length > 0) Object.assign(ensureObject(limit, 'defaultRequest'), requests);
}

function typeErrors(type: string, path: string): StatusCause[] {
  const errors = invalidAll(path, type, qualifiedNameErrors(type));
  if (errors.length > 0 || type.includes('/') || standardTypes.includes(type)) return errors;
  return [invalidValue(path, type, 'must be a standard limit type or fully qualified')];
}

const amountFields = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'];

function limitErrors(limit: Fields, type: string, path: string): StatusCause[] {
  const checkName = type === 'Pod' || type === 'Container' ? containerResourceNameErrors : resourceNameErrors;
  const names = new Set<string>();
  const errors: StatusCause[] = [];
  for (const key of amountFields) {
    const amounts = Object.keys(objectAt(limit, key) ?? {});
    if (type === 'Pod' && key.startsWith('default')) {
      if (amounts.length === 0) continue;
      errors.push(forbiddenValue(`${path}.${key}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    if (key === 'maxLimitRequestRatio') errors.push(...claimErrors(limit, type, path));
    for (const name of amounts) {
      errors.push(...checkName(name, `${path}.${key}[${name}]`));
      names.add(name);
    }
  }
  return [...errors, ...[...names].flatMap((name) => orderErrors(limit, type, name, path))];
}

function claimErrors(limit: Fields, type: string, path: string): StatusCause[] {
  if (type !== 'PersistentVolumeClaim') return [];
  if (['min', 'max'].some((key) => objectAt(limit, key)?.['storage'] !== undefined)) return [];
  const detail = 'either minimum or maximum storage value is required, but neither was provided';
  return [requiredValue(`${path}.limits`, detail)];
}

/** What is wrong with the order of the amounts of one resource. */
function orderErrors(limit: Fields, type: string, name: string, path: string): StatusCause[] {
  const amount = (key: string): Quantity | undefined => {
    if (type === 'Pod' && key.startsWith('default')) return undefined;
    const value = objectAt(limit, key)?.[name];
    return value === undefined ? undefined : parseQuantity(String(value));
  };
  const [min, max] = [amount('min'), amount('max')];
  const [fallback, request] = [amount('default'), amount('defaultRequest')];
  const errors: StatusCause[] = [];
  /** Says that one amount is over another, and blames a field for it. */
  const inOrder = (
    low: Quantity | undefined,
    high: Quantity | undefined,
    words: readonly string[],
    blamed: string,
  ): void => {
    if (!low || !high || compareQuantity(low, high) <= 0) return;
    const [field = '', which] = blamed.split(' ');
    const shown = formatQuantity(which === 'low' ? low : high);
    const detail = `${words[0]} value ${formatQuantity(low)} is greater than ${words[1]} value ${formatQuantity(high)}`;
    errors.push(invalidValue(`${path}.${field}[${name}]`, shown, detail));
  };
  inOrder(min, max, ['min', 'max'], 'min low');
  inOrder(min, request, ['min', 'default request'], 'defaultRequest high');
  inOrder(request, max, ['default request', 'max'], 'defaultRequest low');
  inOrder(request, fallback, ['default request', 'default limit'], 'defaultRequest low');
  inOrder(min, fallback, ['min', 'default'], 'default low');
  inOrder(fallback, max, ['default', 'max'], 'default high');
  errors.push(...ratioErrors(amount('maxLimitRequestRatio'), min, max, `${path}.maxLimitRequestRatio[${name}]`));
  if (!mayOvercommit(name) && fallback && request && compareQuantity(fallback, request) !== 0) {
    const [limitText, requestText] = [formatQuantity(fallback), formatQuantity(request)];
    const detail = `default value ${limitText} must equal to defaultRequest value ${requestText} in ${name}`;
    errors.push(invalidValue(`${path}.defaultRequest[${name}]`, requestText, detail));
  }
  return errors;
}

function ratioErrors(
  ratio: Quantity | undefined,
  min: Quantity | undefined,
  max: Quantity | undefined,
  path: string,
): StatusCause[] {
  if (!ratio) return [];
  const text = formatQuantity(ratio);
  const errors: StatusCause[] = [];
  if (ratio.nanos < 1_000_000_000n) errors.push(invalidValue(path, text, `ratio ${text} is less than 1`));
  if (!min || !max) return errors;
  const most = quantityToNumber(max) / quantityToNumber(min);
  if (quantityToNumber(ratio) <= most) return errors;
  return [...errors, invalidValue(path, text, `ratio ${text} is greater than max/min = ${most.toFixed(6)}`)];
}
