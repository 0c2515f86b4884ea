import {
  dnsLabelErrors,
  type Fields,
  forbiddenValue,
  invalidValue,
  parseQuantity,
  quantityError,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { numberAt, objectAt, textAt } from '../fields.ts';
import { pathSegmentErrors } from '../path-segment.ts';
import { containerResourceNameErrors } from '../resource-names.ts';

const types = ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'];
/** The fields of the types, in the order in which they are checked. */
const sources = ['object', 'external', 'pods', 'resource', 'containerResource'];
const targetTypes = ['Utilization', 'Value', 'AverageValue'];

/** What is wrong with a reference to an object of any version; `needsGroup` unless the core group will do. */
export function referenceErrors(reference: Fields | undefined, path: string, needsGroup: boolean): StatusCause[] {
  const errors = ['kind', 'name'].flatMap((key) => {
    const value = textAt(reference, key);
    if (value === '') return [requiredValue(`${path}.${key}`)];
    return invalidAll(`${path}.${key}`, value, pathSegmentErrors(value));
  });
  const version = textAt(reference, 'apiVersion');
  const slashes = version.split('/').length - 1;
  if (slashes > 1) {
    errors.push(invalidValue(`${path}.apiVersion`, version, `unexpected GroupVersion string: ${version}`));
  } else if (needsGroup && (slashes === 0 || version.startsWith('/'))) {
    errors.push(invalidValue(`${path}.apiVersion`, version, 'apiVersion must specify API group'));
  }
  return errors;
}

/** What is wrong with a metric that an autoscaler goes by. */
export function metricErrors(metric: Fields, path: string): StatusCause[] {
  const type = textAt(metric, 'type');
  const unknown = types.includes(type) ? [] : [unsupportedValue(`${path}.type`, type, types)];
  const errors = type === '' ? [requiredValue(`${path}.type`, 'must specify a metric source type')] : [];
  errors.push(...unknown);
  const given = sources.filter((source) => objectAt(metric, source));
  const [first] = given;
  if (first) errors.push(...(sourceChecks[first]?.(objectAt(metric, first) ?? {}, `${path}.${first}`) ?? []));
  const expected = type.slice(0, 1).toLowerCase() + type.slice(1);
  if (unknown.length === 0 && !given.includes(expected)) {
    errors.push(requiredValue(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  errors.push(...unknown);
  if (given.length === 1) return errors;
  const others = given.filter((source) => source !== expected);
  return [
    ...errors,
    ...others.map((other) => forbiddenValue(`${path}.${other}`, 'must populate the given metric source only')),
  ];
}

const sourceChecks: Record<string, (source: Fields, path: string) => StatusCause[]> = {
  object: (source, path) => [
    ...referenceErrors(objectAt(source, 'describedObject'), `${path}.describedObject`, false),
    ...namedTargetErrors(source, path),
    ...missingValue(source, path, 'must set either a target value or averageValue'),
  ],
  external: (source, path) => {
    const target = objectAt(source, 'target');
    const errors = [
      ...namedTargetErrors(source, path),
      ...missingValue(source, path, 'must set either a target value for metric or a per-pod target'),
    ];
    if (target?.['value'] === undefined || target['averageValue'] === undefined) return errors;
    const detail = 'may not set both a target value for metric and a per-pod target';
    return [...errors, forbiddenValue(`${path}.target.value`, detail)];
  },
  pods: (source, path) => [
    ...namedTargetErrors(source, path),
    ...(objectAt(source, 'target')?.['averageValue'] === undefined
      ? [requiredValue(`${path}.target.averageValue`, 'must specify a positive target averageValue')]
      : []),
  ],
  resource: (source, path) => {
    const missing = requiredValue(`${path}.name`, 'must specify a resource name');
    return [...(textAt(source, 'name') === '' ? [missing] : []), ...utilizationErrors(source, path)];
  },
  containerResource: (source, path) => {
    const [name, container] = [textAt(source, 'name'), textAt(source, 'container')];
    return [
      ...(name === ''
        ? [requiredValue(`${path}.name`, 'must specify a resource name')]
        : containerResourceNameErrors(name, `${path}.name`)),
      ...(container === ''
        ? [requiredValue(`${path}.container`, 'must specify a container')]
        : invalidAll(`${path}.container`, container, dnsLabelErrors(container))),
      ...utilizationErrors(source, path),
    ];
  },
};

function namedTargetErrors(source: Fields, path: string): StatusCause[] {
  const name = textAt(objectAt(source, 'metric'), 'name');
  const errors =
    name === ''
      ? [requiredValue(`${path}.metric.name`, 'must specify a metric name')]
      : invalidAll(`${path}.metric.name`, name, pathSegmentErrors(name));
  return [...errors, ...targetErrors(objectAt(source, 'target'), `${path}.target`)];
}

function missingValue(source: Fields, path: string, detail: string): StatusCause[] {
  const target = objectAt(source, 'target');
  const given = target?.['value'] !== undefined || target?.['averageValue'] !== undefined;
  return given ? [] : [requiredValue(`${path}.target.averageValue`, detail)];
}

function utilizationErrors(source: Fields, path: string): StatusCause[] {
  const target = objectAt(source, 'target');
  const [raw, share] = [target?.['averageValue'] !== undefined, target?.['averageUtilization'] !== undefined];
  const errors = targetErrors(target, `${path}.target`);
  if (!raw && !share) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(requiredValue(`${path}.target.averageUtilization`, detail));
  }
  if (raw && share) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbiddenValue(`${path}.target.averageValue`, detail));
  }
  return errors;
}

function targetErrors(target: Fields | undefined, path: string): StatusCause[] {
  const type = textAt(target, 'type');
  const errors = type === '' ? [requiredValue(`${path}.type`, 'must specify a metric target type')] : [];
  if (!targetTypes.includes(type)) {
    errors.push(invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const key of ['value', 'averageValue']) {
    const amount = target?.[key];
    if (amount === undefined || quantityError(amount) !== undefined || parseQuantity(String(amount)).nanos > 0n)
      continue;
    errors.push(invalidValue(`${path}.${key}`, amount, 'must be positive'));
  }
  const share = numberAt(target, 'averageUtilization');
  if (share !== undefined && share < 1) {
    errors.push(invalidValue(`${path}.averageUtilization`, share, 'must be greater than 0'));
  }
  return errors;
}
