import {
  equalJson,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { numberAt, textAt } from './fields.ts';

const highestUserPriority = 1_000_000_000;
const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};
const preemptionPolicies = ['PreemptLowerPriority', 'Never'];

export const priorityClassStrategy: KindStrategy = {
  applyDefaults(priorityClass) {
    priorityClass['preemptionPolicy'] ??= 'PreemptLowerPriority';
  },
  prepareForCreate({ metadata }) {
    // Upstream counts the creation of a class, but not its changes.
    metadata.generation = 1;
  },
  validate(priorityClass, old) {
    if (old) return priorityChangeErrors(priorityClass, old);
    const errors = priorityErrors(priorityClass.metadata.name, numberAt(priorityClass, 'value') ?? 0);
    const policy = textAt(priorityClass, 'preemptionPolicy');
    if (policy === '') errors.push(requiredValue('preemptionPolicy'));
    else if (!preemptionPolicies.includes(policy)) {
      errors.push(unsupportedValue('preemptionPolicy', policy, preemptionPolicies));
    }
    return errors;
  },
};

function priorityErrors(name: string, value: number): StatusCause[] {
  if (!name.startsWith('system-')) {
    if (value <= highestUserPriority) return [];
    const detail = `maximum allowed value of a user defined priority is ${highestUserPriority}`;
    return [forbiddenValue('value', detail)];
  }
  const known = Object.hasOwn(systemPriorities, name) ? systemPriorities[name] : undefined;
  if (known === value) return [];
  const prefix = "priority class names with 'system-' prefix are reserved for system use only. error: ";
  const why =
    known === undefined
      ? `${name} is not a known system priority class`
      : `value of ${name} PriorityClass must be ${known}`;
  return [forbiddenValue('metadata.name', prefix + why)];
}

function priorityChangeErrors(priorityClass: KubeObject, old: KubeObject): StatusCause[] {
  const errors: StatusCause[] = [];
  if (!equalJson(priorityClass['value'], old['value'])) {
    errors.push(forbiddenValue('value', 'may not be changed in an update.'));
  }
  if (!equalJson(priorityClass['preemptionPolicy'], old['preemptionPolicy'])) {
    errors.push(invalidValue('preemptionPolicy', priorityClass['preemptionPolicy'], 'field is immutable'));
  }
  return errors;
}
