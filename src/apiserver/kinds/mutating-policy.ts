import { type Fields, invalidValue, requiredValue, type StatusCause, unsupportedValue } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import type { Scope } from '../policy/expressions.ts';
import { compileMutation } from '../policy/mutations.ts';
import { commonErrors, defaultPolicy } from './admission-policy.ts';
import { REINVOCATION_POLICIES } from './admission-rules.ts';
import { objectAt, objectsAt, textAt } from './fields.ts';
import { bindingErrors, defaultMatchResources, mutatingRuleErrors, requiredOneOf } from './match-resources.ts';

const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'];

/** MutatingAdmissionPolicy of admissionregistration.k8s.io/v1beta1. */
export const mutatingPolicyStrategy: KindStrategy = {
  applyDefaults: defaultPolicy,
  validate(policy) {
    const spec = policy.spec ?? {};
    const { errors, scope } = commonErrors(spec, true);
    const mutations = objectsAt(spec, 'mutations');
    errors.push(...mutatingRuleErrors(objectAt(spec, 'matchConstraints'), 'spec.matchConstraints'));
    if (mutations.length === 0) {
      errors.push(requiredValue('spec.mutations', 'mutations must contain at least one item'));
    }
    mutations.forEach((mutation, index) => {
      errors.push(...mutationErrors(mutation, scope, `spec.mutations[${index}]`));
    });
    return [...errors, ...requiredOneOf(spec, 'reinvocationPolicy', 'spec', REINVOCATION_POLICIES)];
  },
};

/** MutatingAdmissionPolicyBinding. */
export const mutatingBindingStrategy: KindStrategy = {
  applyDefaults: (binding) => defaultMatchResources(objectAt(binding.spec, 'matchResources')),
  validate(binding) {
    const spec = binding.spec ?? {};
    return [...bindingErrors(spec), ...mutatingRuleErrors(objectAt(spec, 'matchResources'), 'spec.matchResources')];
  },
};

function mutationErrors(mutation: Fields, scope: Scope, path: string): StatusCause[] {
  const type = textAt(mutation, 'patchType');
  if (type === '') return [requiredValue(`${path}.patchType`)];
  if (!PATCH_TYPES.includes(type)) return [unsupportedValue(`${path}.patchType`, type, PATCH_TYPES)];
  const [own, other] = type === 'JSONPatch' ? ['jsonPatch', 'applyConfiguration'] : ['applyConfiguration', 'jsonPatch'];
  const patch = objectAt(mutation, own);
  const errors = patch
    ? expressionErrors(type, textAt(patch, 'expression').trim(), scope, `${path}.${own}.expression`)
    : [requiredValue(`${path}.${own}`, `must be specified when patchType is ${type}`)];
  if (objectAt(mutation, other)) {
    errors.push(invalidValue(`${path}.${other}`, `{${other}}`, `must not be specified when patchType is ${type}`));
  }
  return errors;
}

function expressionErrors(type: string, expression: string, scope: Scope, path: string): StatusCause[] {
  if (expression === '') return [requiredValue(path)];
  const { error } = compileMutation(type, expression, scope);
  return error === undefined ? [] : [invalidValue(path, expression, error)];
}
