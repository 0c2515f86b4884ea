import { type Fields, invalidValue, type StatusCause, unsupportedValue } from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { countErrors } from '../apps/status.ts';
import { selectorErrors } from '../checks.ts';
import { conditionErrors } from '../conditions.ts';
import { objectAt, objectsAt } from '../fields.ts';
import { atMostAllErrors, intOrPercentErrors } from '../percent.ts';

const evictionPolicies = ['AlwaysAllow', 'IfHealthyBudget'];

export const podDisruptionBudgetStrategy: KindStrategy = {
  needsVersion: true,
  validate: ({ spec = {} }) => [
    ...limitErrors(spec),
    ...selectorErrors(objectAt(spec, 'selector') ?? {}, 'spec.selector'),
    ...policyErrors(spec),
  ],
  subresources: {
    status: {
      validate: ({ status }) => [
        ...conditionErrors(objectsAt(status, 'conditions'), 'status.conditions'),
        ...countErrors(status, ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods']),
      ],
    },
  },
};

function limitErrors(spec: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  const { minAvailable, maxUnavailable } = spec;
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    const printed = {
      MinAvailable: minAvailable,
      Selector: spec['selector'] ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: spec['unhealthyPodEvictionPolicy'] ?? null,
    };
    errors.push(invalidValue('spec', printed, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const [key, value] of Object.entries({ minAvailable, maxUnavailable })) {
    if (value === undefined) continue;
    errors.push(...intOrPercentErrors(value, `spec.${key}`), ...atMostAllErrors(value, `spec.${key}`));
  }
  return errors;
}

function policyErrors(spec: Fields): StatusCause[] {
  const policy = spec['unhealthyPodEvictionPolicy'];
  if (policy === undefined || evictionPolicies.includes(String(policy))) return [];
  return [unsupportedValue('spec.unhealthyPodEvictionPolicy', policy, evictionPolicies)];
}
