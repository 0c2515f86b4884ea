import {
  celType,
  duplicateValue,
  type Fields,
  invalidValue,
  type KubeObject,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { compileExpression, type Scope } from '../policy/expressions.ts';
import { matchConditionErrors } from '../policy/match-conditions.ts';
import { compileVariables } from '../policy/variables.ts';
import { FAILURE_POLICIES, optionalOneOf } from './admission-rules.ts';
import { invalidAll } from './checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { bindingErrors, defaultMatchResources, matchResourcesErrors } from './match-resources.ts';
import { paramKindErrors } from './param-kind.ts';

const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const MAX_AUDIT_ANNOTATIONS = 20;
const MAX_VALUE_EXPRESSION = 5 * 1024;

/** ValidatingAdmissionPolicy of admissionregistration.k8s.io/v1. */
export const validatingPolicyStrategy: KindStrategy = {
  applyDefaults: defaultPolicy,
  validate: (policy) => policyErrors(policy),
};

/** ValidatingAdmissionPolicyBinding. */
export const validatingBindingStrategy: KindStrategy = {
  applyDefaults: (binding) => defaultMatchResources(objectAt(binding.spec, 'matchResources')),
  validate(binding) {
    const spec = binding.spec ?? {};
    return [...bindingErrors(spec), ...actionErrors(textsAt(spec, 'validationActions'), 'spec.validationActions')];
  },
};

/** The defaults that both kinds of policy have, in place. */
export function defaultPolicy(policy: KubeObject): void {
  const { spec } = policy;
  if (!spec) return;
  spec['failurePolicy'] ??= 'Fail';
  defaultMatchResources(objectAt(spec, 'matchConstraints'));
}

/** What is wrong with what both kinds of policy have, and what their expressions may read. */
export function commonErrors(spec: Fields, always: boolean): { errors: StatusCause[]; scope: Scope } {
  const paramKind = objectAt(spec, 'paramKind');
  const params = paramKind !== undefined;
  const constraints = objectAt(spec, 'matchConstraints');
  const given = objectsAt(spec, 'variables');
  const variables = compileVariables(given, { params });
  const scope: Scope = { params, ...(always || given.length > 0 ? { variables: variables.types } : {}) };
  const errors = [
    ...optionalOneOf(spec, 'failurePolicy', 'spec', FAILURE_POLICIES),
    ...(paramKind ? paramKindErrors(paramKind, 'spec.paramKind') : []),
    ...(constraints
      ? matchResourcesErrors(constraints, 'spec.matchConstraints')
      : [requiredValue('spec.matchConstraints')]),
    ...(constraints && objectsAt(constraints, 'resourceRules').length === 0
      ? [requiredValue('spec.matchConstraints.resourceRules')]
      : []),
    ...matchConditionErrors(objectsAt(spec, 'matchConditions'), 'spec.matchConditions', params),
    ...given.flatMap((variable, index) =>
      variableErrors(variable, variables.errors[index], `spec.variables[${index}]`),
    ),
  ];
  return { errors, scope };
}

const IDENTIFIER = /^[_a-zA-Z][_a-zA-Z0-9]*$/;
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

function variableErrors(variable: Fields, error: string | undefined, path: string): StatusCause[] {
  const name = textAt(variable, 'name');
  const expression = textAt(variable, 'expression');
  const errors: StatusCause[] = [];
  if (name.trim() === '') errors.push(requiredValue(`${path}.name`, 'name is not specified'));
  else if (!IDENTIFIER.test(name) || RESERVED.has(name)) {
    errors.push(invalidValue(`${path}.name`, name, 'must be a valid CEL identifier'));
  }
  if (expression.trim() === '') errors.push(requiredValue(`${path}.expression`, 'expression is not specified'));
  else if (error !== undefined) errors.push(invalidValue(`${path}.expression`, expression, error));
  return errors;
}

function policyErrors(policy: KubeObject): StatusCause[] {
  const spec = policy.spec ?? {};
  const { errors, scope } = commonErrors(spec, false);
  const validations = objectsAt(spec, 'validations');
  const annotations = objectsAt(spec, 'auditAnnotations');
  if (validations.length === 0 && annotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    return [...errors, requiredValue('spec.validations', detail), requiredValue('spec.auditAnnotations', detail)];
  }
  validations.forEach((validation, index) => {
    errors.push(...validationErrors(validation, scope, `spec.validations[${index}]`));
  });
  return [...errors, ...auditAnnotationsErrors(policy.metadata.name, annotations, scope, 'spec.auditAnnotations')];
}

function validationErrors(validation: Fields, scope: Scope, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const expression = textAt(validation, 'expression');
  const message = textAt(validation, 'message');
  const messageExpression = textAt(validation, 'messageExpression');
  if (expression.trim() === '') errors.push(requiredValue(`${path}.expression`, 'expression is not specified'));
  else {
    const { error } = compileExpression(expression, scope, [celType.bool]);
    if (error !== undefined) errors.push(invalidValue(`${path}.expression`, expression, error));
  }
  if (messageExpression !== '') {
    const { error } =
      messageExpression.trim() === ''
        ? { error: 'must be non-empty if specified' }
        : compileExpression(messageExpression, { ...scope, authorizer: false }, [celType.string]);
    if (error !== undefined) errors.push(invalidValue(`${path}.messageExpression`, messageExpression, error));
  }
  if (message !== '' && message.trim() === '') {
    errors.push(invalidValue(`${path}.message`, message, 'must be non-empty if specified'));
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalidValue(`${path}.message`, message, 'must not contain line breaks'));
  }
  return [...errors, ...optionalOneOf(validation, 'reason', path, REASONS)];
}

function auditAnnotationsErrors(
  policy: string,
  annotations: readonly Fields[],
  scope: Scope,
  path: string,
): StatusCause[] {
  const errors: StatusCause[] = [];
  if (annotations.length > MAX_AUDIT_ANNOTATIONS) {
    const detail = `must not have more than ${MAX_AUDIT_ANNOTATIONS} auditAnnotations`;
    errors.push(invalidValue(path, annotations, detail));
  }
  const keys = new Set<string>();
  annotations.forEach((annotation, index) => {
    const key = textAt(annotation, 'key');
    const at = `${path}[${index}]`;
    const full = `${policy}/${key}`;
    errors.push(...invalidAll(`${at}.key`, full, qualifiedNameErrors(full)));
    errors.push(...valueExpressionErrors(textAt(annotation, 'valueExpression'), scope, `${at}.valueExpression`));
    if (keys.has(key)) errors.push(duplicateValue(`${at}.key`, key));
    keys.add(key);
  });
  return errors;
}

function valueExpressionErrors(expression: string, scope: Scope, path: string): StatusCause[] {
  const trimmed = expression.trim();
  if (trimmed === '') return [requiredValue(path, 'valueExpression is not specified')];
  if (trimmed.length > MAX_VALUE_EXPRESSION) {
    return [requiredValue(path, `must not exceed ${MAX_VALUE_EXPRESSION} bytes in length`)];
  }
  const { error } = compileExpression(trimmed, scope, [celType.string, celType.null]);
  return error === undefined ? [] : [invalidValue(path, expression, error)];
}

function actionErrors(actions: readonly string[], path: string): StatusCause[] {
  const errors = actions.flatMap((action, index) => {
    const at = `${path}[${index}]`;
    return [
      ...(ACTIONS.includes(action) ? [] : [unsupportedValue(at, action, ACTIONS)]),
      ...(actions.indexOf(action) < index ? [duplicateValue(at, action)] : []),
    ];
  });
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why = 'repeating the same validation failure information in the API response and headers serves no purpose';
    errors.push(invalidValue(path, actions, `must not contain both Deny and Warn (${why})`));
  }
  if (actions.length === 0) errors.push(requiredValue(path, 'at least one validation action is required'));
  return errors;
}
