import { dnsLabelErrors, type Fields, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll, labelErrors } from './checks.ts';
import { mapAt, objectAt, objectsAt, textAt } from './fields.ts';
import { immutableFieldErrors } from './immutable.ts';
import { containerResourceNameErrors } from './resource-names.ts';
import { resourceAmountErrors } from './resource-quota.ts';
import { tolerationErrors } from './toleration-errors.ts';

export const runtimeClassStrategy: KindStrategy = {
  needsVersion: true,
  createsOnUpdate: true,
  validate(runtimeClass, old) {
    const handler = textAt(runtimeClass, 'handler');
    const errors = [
      ...invalidAll('handler', handler, dnsLabelErrors(handler)),
      ...overheadErrors(objectAt(objectAt(runtimeClass, 'overhead'), 'podFixed') ?? {}),
      ...schedulingErrors(objectAt(runtimeClass, 'scheduling')),
    ];
    return old ? [...errors, ...immutableFieldErrors(runtimeClass, old, 'handler')] : errors;
  },
};

/** The overhead is checked as the limits of a container would be. */
function overheadErrors(amounts: Fields): StatusCause[] {
  return Object.entries(amounts).flatMap(([name, amount]) => {
    const path = `overhead.limits[${name}]`;
    return [...containerResourceNameErrors(name, path), ...resourceAmountErrors(name, amount, path)];
  });
}

function schedulingErrors(scheduling: Fields | undefined): StatusCause[] {
  if (!scheduling) return [];
  const path = 'scheduling.tolerations';
  const seen = new Set<string>();
  return [
    ...labelErrors(mapAt(scheduling, 'nodeSelector'), 'scheduling.nodeSelector'),
    ...tolerationErrors(objectsAt(scheduling, 'tolerations'), `${path}.tolerations`),
    ...objectsAt(scheduling, 'tolerations').flatMap((toleration, index): StatusCause[] => {
      const [key, operator, value, effect] = ['key', 'operator', 'value', 'effect'].map((k) => textAt(toleration, k));
      const id = JSON.stringify([key, operator, value, effect]);
      if (!seen.has(id)) {
        seen.add(id);
        return [];
      }
      const seconds = toleration['tolerationSeconds'] ?? null;
      const printed = { Key: key, Operator: operator, Value: value, Effect: effect, TolerationSeconds: seconds };
      const message = `Duplicate value: ${JSON.stringify(printed)}`;
      return [{ reason: 'FieldValueDuplicate', message, field: `${path}[${index}]` }];
    }),
  ];
}
