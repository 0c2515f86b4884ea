import { equalJson, type Fields, invalidValue, requiredValue, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { nanosOf, quantityErrors } from './checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { isIntegerResource, isQuotaResource, quotaResourceNameErrors } from './resource-names.ts';

const whole = 1_000_000_000n;

export const resourceQuotaStrategy: KindStrategy = {
  prepareForCreate(quota) {
    quota.status = {};
  },
  validate({ spec }, old) {
    const errors = [
      ...amountsErrors(objectAt(spec, 'hard'), (name) => `spec.hard[${name}]`),
      ...scopesErrors(spec ?? {}),
      ...scopeSelectorErrors(spec ?? {}),
    ];
    const [scopes, before] = [textsAt(spec, 'scopes'), textsAt(old?.spec, 'scopes')];
    if (!old || equalJson(scopes.toSorted(), before.toSorted())) return errors;
    return [...errors, invalidValue('spec.scopes', printedScopes(scopes), 'field is immutable')];
  },
  subresources: {
    status: {
      validate: ({ status }) =>
        ['hard', 'used'].flatMap((key) => amountsErrors(objectAt(status, key), (name) => `status.${key}[${name}]`)),
    },
  },
};

function amountsErrors(amounts: Fields | undefined, pathOf: (name: string) => string): StatusCause[] {
  return Object.entries(amounts ?? {}).flatMap(([name, amount]) => [
    ...quotaResourceNameErrors(name, pathOf(name)),
    ...resourceAmountErrors(name, amount, pathOf(name)),
  ]);
}

/** An amount of a resource: never negative, and whole where nothing less can be had. */
export function resourceAmountErrors(name: string, amount: unknown, path: string): StatusCause[] {
  const errors = quantityErrors(amount, path);
  if (!isIntegerResource(name) || nanosOf(amount) % whole === 0n) return errors;
  return [...errors, invalidValue(path, String(amount), 'must be an integer')];
}

const podCounts = ['pods'];
const podAmounts = ['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory'];
const claimAmounts = ['persistentvolumeclaims', 'requests.storage'];

/** What a quota of each scope can limit. */
const limitable: ReadonlyMap<string, readonly string[]> = new Map([
  ['Terminating', [...podCounts, ...podAmounts]],
  ['NotTerminating', [...podCounts, ...podAmounts]],
  ['BestEffort', podCounts],
  ['NotBestEffort', [...podCounts, ...podAmounts]],
  ['PriorityClass', [...podCounts, ...podAmounts]],
  ['CrossNamespacePodAffinity', [...podCounts, ...podAmounts]],
  ['VolumeAttributesClass', claimAmounts],
]);

const exclusive = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const;

/** How many of the resources that a quota limits its scope knows nothing of. */
function unlimitable(spec: Fields, scope: string): number {
  const possible = limitable.get(scope);
  if (!possible) return 0;
  return Object.keys(objectAt(spec, 'hard') ?? {}).filter((name) => isQuotaResource(name) && !possible.includes(name))
    .length;
}

const printedScopes = (scopes: readonly string[]): readonly string[] | undefined =>
  scopes.length > 0 ? scopes : undefined;

function conflictErrors(spec: Fields, scopes: readonly string[], path: string): StatusCause[] {
  return exclusive
    .filter((pair) => pair.every((scope) => scopes.includes(scope)))
    .map(() => invalidValue(path, printedScopes(textsAt(spec, 'scopes')), 'conflicting scopes'));
}

function scopesErrors(spec: Fields): StatusCause[] {
  const scopes = textsAt(spec, 'scopes');
  const path = 'spec.scopes';
  const errors = scopes.flatMap((scope) => [
    ...(limitable.has(scope) ? [] : [invalidValue(path, scopes, 'unsupported scope')]),
    ...Array.from({ length: unlimitable(spec, scope) }, () =>
      invalidValue(path, scopes, 'unsupported scope applied to resource'),
    ),
  ]);
  return [...errors, ...conflictErrors(spec, scopes, path)];
}

function scopeSelectorErrors(spec: Fields): StatusCause[] {
  const selector = objectAt(spec, 'scopeSelector');
  const expressions = objectsAt(selector, 'matchExpressions');
  const path = 'spec.scopeSelector.matchExpressions';
  const printed = {
    MatchExpressions: expressions.map((expression) => ({
      ScopeName: textAt(expression, 'scopeName'),
      Operator: textAt(expression, 'operator'),
      Values: expression['values'] ?? null,
    })),
  };
  const errors = expressions.flatMap((expression) => {
    const scope = textAt(expression, 'scopeName');
    return [
      ...(limitable.has(scope) ? [] : [invalidValue(`${path}.scopeName`, scope, 'unsupported scope')]),
      ...Array.from({ length: unlimitable(spec, scope) }, () =>
        invalidValue(path, printed, 'unsupported scope applied to resource'),
      ),
      ...operatorErrors(expression, scope, path),
    ];
  });
  const scopes = expressions.map((expression) => textAt(expression, 'scopeName'));
  return [...errors, ...conflictErrors(spec, scopes, path)];
}

const existsOnly = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'];

function operatorErrors(expression: Fields, scope: string, path: string): StatusCause[] {
  const [operator, values] = [textAt(expression, 'operator'), textsAt(expression, 'values')];
  const errors: StatusCause[] = [];
  if (existsOnly.includes(scope) && operator !== 'Exists') {
    const detail =
      "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, " +
      'ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity';
    errors.push(invalidValue(`${path}.operator`, operator, detail));
  }
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length > 0) return errors;
    const detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    return [...errors, requiredValue(`${path}.values`, detail)];
  }
  if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length === 0) return errors;
    const detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    return [...errors, invalidValue(`${path}.values`, values, detail)];
  }
  return [...errors, invalidValue(`${path}.operator`, operator, 'not a valid selector operator')];
}
