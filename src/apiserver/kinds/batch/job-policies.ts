import {
  countIndexes,
  duplicateValue,
  type Fields,
  invalidValue,
  parseIndexes,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  tooMany,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, nonNegative } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import type { Shape } from '../internal-form.ts';

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_CONDITIONS = 20;
const MAX_INDEXES_LENGTH = 64 * 1024;

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];
const operators = ['In', 'NotIn'];
const conditionStatuses = ['False', 'True', 'Unknown'];

/** How kube-apiserver prints the policies of a Job. */
export const successPolicyShape: Shape = {
  Rules: ['rules', { SucceededIndexes: 'succeededIndexes', SucceededCount: 'succeededCount' }],
};
export const failurePolicyShape: Shape = {
  Rules: [
    'rules',
    {
      Action: 'action',
      OnExitCodes: ['onExitCodes', { ContainerName: 'containerName', Operator: 'operator=""', Values: 'values' }],
      OnPodConditions: ['onPodConditions', { Type: 'type', Status: 'status' }],
    },
  ],
};

/** A value of an enumeration that must be given. */
function enumErrors(value: string, path: string, supported: readonly string[]): StatusCause[] {
  if (value === '') return [requiredValue(path, `valid values: [${supported.map((one) => `"${one}"`).join(' ')}]`)];
  return supported.includes(value) ? [] : [unsupportedValue(path, value, supported)];
}

/** Invalid without a value in the message. */
function invalidRule(field: string, detail: string): StatusCause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${detail}`, field };
}

/** What is wrong with a Job's podFailurePolicy. */
export function failurePolicyErrors(spec: Fields, path: string): StatusCause[] {
  const policy = objectAt(spec, 'podFailurePolicy');
  if (!policy) return [];
  const rules = objectsAt(policy, 'rules');
  const pod = objectAt(objectAt(spec, 'template'), 'spec');
  const containers = new Set(
    ['containers', 'initContainers'].flatMap((key) =>
      objectsAt(pod, key).map((container) => textAt(container, 'name')),
    ),
  );
  return [
    ...(rules.length > MAX_RULES ? [tooMany(`${path}.rules`, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, i) => failureRuleErrors(spec, rule, `${path}.rules[${i}]`, containers)),
  ];
}

function failureRuleErrors(spec: Fields, rule: Fields, path: string, containers: ReadonlySet<string>): StatusCause[] {
  const action = textAt(rule, 'action');
  const errors = enumErrors(action, `${path}.action`, actions);
  if (action === 'FailIndex' && spec['backoffLimitPerIndex'] === undefined) {
    errors.push(invalidValue(`${path}.action`, action, 'requires the backoffLimitPerIndex to be set'));
  }
  const codes = objectAt(rule, 'onExitCodes');
  const conditions = objectsAt(rule, 'onPodConditions');
  if (codes) errors.push(...exitCodeErrors(codes, `${path}.onExitCodes`, containers));
  if (conditions.length > MAX_CONDITIONS) {
    errors.push(tooMany(`${path}.onPodConditions`, conditions.length, MAX_CONDITIONS));
  }
  conditions.forEach((pattern, index) => {
    const at = `${path}.onPodConditions[${index}]`;
    const type = textAt(pattern, 'type');
    errors.push(...invalidAll(`${at}.type`, type, qualifiedNameErrors(type)));
    errors.push(...enumErrors(textAt(pattern, 'status'), `${at}.status`, conditionStatuses));
  });
  if (codes && conditions.length > 0) {
    errors.push(invalidRule(path, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  }
  if (!codes && conditions.length === 0) {
    errors.push(invalidRule(path, 'specifying one of OnExitCodes and OnPodConditions is required'));
  }
  return errors;
}

function exitCodeErrors(requirement: Fields, path: string, containers: ReadonlySet<string>): StatusCause[] {
  const operator = textAt(requirement, 'operator');
  const name = requirement['containerName'];
  const given = requirement['values'];
  const values = Array.isArray(given) ? given.map(Number) : [];
  const errors = enumErrors(operator, `${path}.operator`, operators);
  if (typeof name === 'string' && !containers.has(name)) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalidValue(`${path}.containerName`, name, detail));
  }
  if (values.length === 0) {
    errors.push(invalidValue(`${path}.values`, values, 'at least one value is required'));
  } else if (values.length > MAX_EXIT_CODES) errors.push(tooMany(`${path}.values`, values.length, MAX_EXIT_CODES));
  const seen = new Set<number>();
  values.forEach((value, index) => {
    const at = `${path}.values[${index}]`;
    if (operator === 'In' && value === 0) errors.push(invalidValue(at, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicateValue(at, value));
    seen.add(value);
  });
  const isOrdered = values.every((value, index) => index === 0 || (values[index - 1] ?? 0) <= value);
  if (!isOrdered) errors.push(invalidValue(`${path}.values`, values, 'must be ordered'));
  return errors;
}

/** What is wrong with the successPolicy of an indexed Job. */
export function successPolicyErrors(spec: Fields, path: string): StatusCause[] {
  const rules = objectsAt(objectAt(spec, 'successPolicy'), 'rules');
  const completions = numberAt(spec, 'completions') ?? 0;
  const missing = 'at least one rules must be specified when the successPolicy is specified';
  return [
    ...(rules.length === 0 ? [requiredValue(`${path}.rules`, missing)] : []),
    ...(rules.length > MAX_RULES ? [tooMany(`${path}.rules`, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, i) => successRuleErrors(rule, `${path}.rules[${i}]`, completions)),
  ];
}

function successRuleErrors(rule: Fields, path: string, completions: number): StatusCause[] {
  const errors: StatusCause[] = [];
  const [count, text] = [numberAt(rule, 'succeededCount'), rule['succeededIndexes']];
  if (count === undefined && text === undefined) {
    errors.push(requiredValue(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = 0;
  if (typeof text === 'string') {
    const at = `${path}.succeededIndexes`;
    if (text.length > MAX_INDEXES_LENGTH) errors.push(tooLong(at, MAX_INDEXES_LENGTH));
    const indexes = parseIndexes(text, completions);
    if (typeof indexes === 'string') {
      errors.push(invalidValue(at, text, `error parsing succeededIndexes: ${indexes}`));
    } else total = countIndexes(indexes);
  }
  if (count === undefined) return errors;
  errors.push(...nonNegative(rule, 'succeededCount', path));
  const limits: [boolean, number, string][] = [
    [count > completions, completions, 'completions'],
    [text !== undefined && count > total, total, 'indexes in the specified succeededIndexes field'],
  ];
  for (const [over, limit, what] of limits) {
    if (!over) continue;
    const of = what === 'completions' ? 'the number of specified completions' : `the number of ${what}`;
    errors.push(invalidValue(`${path}.succeededCount`, count, `must be less than or equal to ${limit} (${of})`));
  }
  return errors;
}
