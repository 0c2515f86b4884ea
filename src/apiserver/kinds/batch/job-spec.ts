import {
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { defaultTemplate } from '../apps/pod-template.ts';
import { nonNegative } from '../checks.ts';
import { domainPrefixedPathErrors } from '../domain-path.ts';
import { numberAt, objectAt, objectsAt, setDefault, textAt } from '../fields.ts';
import { internalForm } from '../internal-form.ts';
import { podTemplateErrors } from '../pod/spec.ts';
import { failurePolicyErrors, successPolicyErrors, successPolicyShape } from './job-policies.ts';

const MAX_INT32 = 2 ** 31 - 1;
const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_FAILED_INDEXES = 100_000;
/** Above this many completions, an indexed Job with a backoff limit per index is held to less. */
const MANY_COMPLETIONS = 100_000;
const MANY_LIMIT = 10_000;
const MAX_MANAGER_LENGTH = 63;

/** Fills in the defaults of a Job's spec, in place. */
export function defaultJobSpec(spec: Fields): void {
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
  setDefault(spec, 'parallelism', 1);
  setDefault(spec, 'backoffLimit', spec['backoffLimitPerIndex'] === undefined ? 6 : MAX_INT32);
  setDefault(spec, 'completionMode', 'NonIndexed');
  setDefault(spec, 'suspend', false);
  setDefault(spec, 'podReplacementPolicy', spec['podFailurePolicy'] ? 'Failed' : 'TerminatingOrFailed');
  setDefault(spec, 'manualSelector', false);
  defaultJobTemplate(spec);
}

/** The part of it that the template of a CronJob has, too. */
export function defaultJobTemplate(spec: Fields): void {
  for (const rule of objectsAt(objectAt(spec, 'podFailurePolicy'), 'rules')) {
    for (const pattern of objectsAt(rule, 'onPodConditions')) setDefault(pattern, 'status', 'True');
  }
  defaultTemplate(spec);
}

const counts = [
  ...['parallelism', 'completions', 'activeDeadlineSeconds', 'backoffLimit', 'ttlSecondsAfterFinished'],
  ...['backoffLimitPerIndex', 'maxFailedIndexes'],
];

/** What is wrong with a Job's spec, its selector apart. */
export function jobSpecErrors(spec: Fields, path: string): StatusCause[] {
  return [
    ...counts.flatMap((key) => nonNegative(spec, key, path)),
    ...(spec['maxFailedIndexes'] !== undefined && spec['backoffLimitPerIndex'] === undefined
      ? [requiredValue(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...managerErrors(spec, path),
    ...completionErrors(spec, path),
    ...failurePolicyErrors(spec, `${path}.podFailurePolicy`),
    ...successErrors(spec, `${path}.successPolicy`),
    ...replacementErrors(spec, `${path}.podReplacementPolicy`),
    ...podTemplateErrors(objectAt(spec, 'template') ?? {}, `${path}.template`),
    ...restartErrors(spec, `${path}.template.spec.restartPolicy`),
  ];
}

function managerErrors(spec: Fields, path: string): StatusCause[] {
  const manager = spec['managedBy'];
  if (typeof manager !== 'string') return [];
  const errors = domainPrefixedPathErrors(manager, `${path}.managedBy`);
  if (manager.length > MAX_MANAGER_LENGTH) errors.push(tooLong(`${path}.managedBy`, MAX_MANAGER_LENGTH));
  return errors;
}

function completionErrors(spec: Fields, path: string): StatusCause[] {
  const mode = spec['completionMode'];
  if (mode === 'Indexed') return indexedErrors(spec, path);
  if (mode !== undefined && mode !== 'NonIndexed') {
    return [unsupportedValue(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed'])];
  }
  return ['backoffLimitPerIndex', 'maxFailedIndexes']
    .filter((key) => spec[key] !== undefined)
    .map((key) => invalidValue(`${path}.${key}`, spec[key], 'requires indexed completion mode'));
}

function indexedErrors(spec: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const completions = numberAt(spec, 'completions');
  const atMost = (key: string, limit: number, condition = ''): void => {
    const value = numberAt(spec, key);
    if (value === undefined || value <= limit) return;
    errors.push(invalidValue(`${path}.${key}`, value, `must be less than or equal to ${limit}${condition}`));
  };
  if (completions === undefined) {
    errors.push(requiredValue(`${path}.completions`, 'when completion mode is Indexed'));
  }
  atMost('parallelism', MAX_INDEXED_PARALLELISM, ' when completion mode is Indexed');
  const failed = numberAt(spec, 'maxFailedIndexes');
  if (completions !== undefined && failed !== undefined && failed > completions) {
    errors.push(invalidValue(`${path}.maxFailedIndexes`, failed, 'must be less than or equal to completions'));
  }
  atMost('maxFailedIndexes', MAX_FAILED_INDEXES);
  if (completions === undefined || completions <= MANY_COMPLETIONS || spec['backoffLimitPerIndex'] === undefined) {
    return errors;
  }
  if (failed === undefined) {
    const detail = `must be specified when completions is above ${MANY_COMPLETIONS}`;
    errors.push(requiredValue(`${path}.maxFailedIndexes`, detail));
  }
  const many = ` when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  atMost('parallelism', MANY_LIMIT, many);
  atMost('maxFailedIndexes', MANY_LIMIT, many);
  return errors;
}

function successErrors(spec: Fields, path: string): StatusCause[] {
  const policy = objectAt(spec, 'successPolicy');
  if (!policy) return [];
  if (spec['completionMode'] === 'Indexed') return successPolicyErrors(spec, path);
  return [invalidValue(path, internalForm(policy, successPolicyShape), 'requires indexed completion mode')];
}

function replacementErrors(spec: Fields, path: string): StatusCause[] {
  const policy = textAt(spec, 'podReplacementPolicy');
  if (policy === '') return [];
  const supported = spec['podFailurePolicy'] ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  return supported.includes(policy) ? [] : [unsupportedValue(path, policy, supported)];
}

function restartErrors(spec: Fields, path: string): StatusCause[] {
  const policy = textAt(objectAt(objectAt(spec, 'template'), 'spec'), 'restartPolicy');
  if (policy === 'Always' || policy === '') return [requiredValue(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [unsupportedValue(path, policy, ['OnFailure', 'Never'])];
  if (!spec['podFailurePolicy'] || policy === 'Never') return [];
  return [invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}
