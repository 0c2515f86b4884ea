import { ApiError, type CelBudget, celType, type Fields, forbidden } from '../../../machinery/index.ts';
import { objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import { type Compiled, compileExpression, type Evaluation, evaluateExpression } from '../../policy/expressions.ts';
import { createMatchIndex } from '../match.ts';
import { type AdmissionRequest, nameInRefusal, type WaitingAdmission } from '../request.ts';
import { convertFor } from '../versions.ts';
import { createPolicies, type Policy } from './definitions.ts';
import { compileHead, type Head } from './head.ts';
import { BUDGET, evaluationFor, type Invocation, invocationsFor, type PolicyDependencies } from './invocations.ts';

const MAX_MESSAGE = 5 * 1024;
const MAX_ANNOTATION = 10 * 1024;
const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Invalid: 422, RequestEntityTooLarge: 413 };

interface Validation {
  source: string;
  expression: Compiled;
  message: string;
  messageSource: string;
  messageExpression: Compiled | undefined;
  reason: string;
}

interface CompiledPolicy extends Head {
  validations: readonly Validation[];
  annotations: readonly { key: string; source: string; expression: Compiled }[];
}

function compilePolicy(spec: Fields): CompiledPolicy {
  const { scope, ...head } = compileHead(spec);
  return {
    ...head,
    validations: objectsAt(spec, 'validations').map((validation) => {
      const source = textAt(validation, 'expression');
      const messageSource = textAt(validation, 'messageExpression');
      return {
        source,
        expression: compileExpression(source, scope, [celType.bool]),
        message: textAt(validation, 'message').trim(),
        messageSource,
        messageExpression:
          messageSource === ''
            ? undefined
            : compileExpression(messageSource, { ...scope, authorizer: false }, [celType.string]),
        reason: textAt(validation, 'reason') || 'Invalid',
      };
    }),
    annotations: objectsAt(spec, 'auditAnnotations').map((annotation) => {
      const source = textAt(annotation, 'valueExpression').trim();
      const expression = compileExpression(source, scope, [celType.string, celType.null]);
      return { key: textAt(annotation, 'key'), source, expression };
    }),
  };
}

/** What does not hold, or could not be told. */
interface Failure {
  policy: Policy<unknown>;
  binding: string | undefined;
  message: string;
  reason: string;
}

/** The ValidatingAdmissionPolicies, each evaluated for its bindings. */
export function createValidatingPolicies(dependencies: PolicyDependencies): Pick<WaitingAdmission, 'validate'> {
  const policies = createPolicies(dependencies.store, 'validatingadmissionpolicies', compilePolicy);
  const index = createMatchIndex(dependencies.registry, policies);
  return {
    *validate(request) {
      const { invocations, misconfigured } = invocationsFor(dependencies, index, request);
      if (invocations.length === 0 && misconfigured.length === 0) return;
      const denied: Failure[] = misconfigured
        .filter(({ policy }) => !policy.ignoreFailure)
        .map(({ policy, binding, message }) => ({ policy, binding: binding?.name, message, reason: 'Invalid' }));
      const annotations = new Map<string, Set<string>>();
      for (const invocation of invocations) {
        yield* convertFor(invocation.target, request);
        denied.push(...judge(dependencies, invocation, request, annotations));
      }
      for (const [key, values] of annotations) request.annotate(key, [...values].join(', '));
      if (denied[0]) throw denial(denied[0], request);
    },
  };
}

/** Evaluates a policy once; warns and notes what its binding wants, and returns what it denies. */
function judge(
  dependencies: PolicyDependencies,
  invocation: Invocation<CompiledPolicy>,
  request: AdmissionRequest,
  annotations: Map<string, Set<string>>,
): Failure[] {
  const { policy, binding } = invocation;
  const { conditions, variables, validations, annotations: wanted } = policy.compiled;
  const budget = { left: BUDGET };
  const evaluation = evaluationFor(dependencies, request, invocation, variables, budget);
  const failure = (message: string, reason = 'Invalid'): Failure => ({
    policy,
    binding: binding.name,
    message,
    reason,
  });
  const { matches, error } = conditions(() => evaluation);
  if (!matches) return error === undefined ? [] : act(invocation, [[0, failure(error)]], request);

  const failures = validations.flatMap((validation, index): [number, Failure][] => {
    const { value, error } = evaluateExpression(validation.expression, validation.source, evaluation, budget);
    if (error !== undefined) return policy.ignoreFailure ? [] : [[index, failure(error)]];
    if (value === true) return [];
    return [[index, failure(messageOf(validation, evaluation, budget), validation.reason)]];
  });
  const denied = act(invocation, failures, request);
  for (const { key, source, expression } of wanted) {
    const { value, error } = evaluateExpression(expression, source, evaluation, { left: BUDGET });
    if (error !== undefined && !policy.ignoreFailure) denied.push(failure(error));
    const text = typeof value === 'string' ? value.trim().slice(0, MAX_ANNOTATION) : '';
    if (text === '') continue;
    const full = `${policy.name}/${key}`;
    annotations.set(full, (annotations.get(full) ?? new Set()).add(text));
  }
  return denied;
}

/** Does with failures what the binding wants: warn, note, or deny: those are returned. */
function act(
  { policy, binding }: Invocation<unknown>,
  failures: readonly [index: number, failure: Failure][],
  request: AdmissionRequest,
): Failure[] {
  const actions = textsAt(binding.spec, 'validationActions');
  for (const [expressionIndex, { message }] of failures) {
    if (actions.includes('Warn')) {
      const where = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}'`;
      request.warn(`Validation failed for ${where}: ${message}`);
    }
    if (actions.includes('Audit')) {
      const value = [
        { message, policy: policy.name, binding: binding.name, expressionIndex, validationActions: actions },
      ];
      request.annotate('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(value));
    }
  }
  return actions.includes('Deny') ? failures.map(([, failure]) => failure) : [];
}

/** What a failed validation says: its messageExpression if that gives one line of text, its message, or the expression. */
function messageOf(validation: Validation, evaluation: Evaluation, budget: CelBudget): string {
  const { messageExpression, messageSource, message, source } = validation;
  if (messageExpression) {
    const { value } = evaluateExpression(messageExpression, messageSource, evaluation, budget);
    const text = typeof value === 'string' ? value.trim() : '';
    if (text !== '' && text.length <= MAX_MESSAGE && !text.includes('\n')) return text;
  }
  return message || `failed expression: ${source.trim()}`;
}

function denial({ policy, binding, message, reason }: Failure, request: AdmissionRequest): ApiError {
  const by = binding === undefined ? '' : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy.name}'${by} denied request: ${message}`;
  return refused(request, text, CODES[reason] ?? 422, reason, [text]);
}

/** A refusal of the request's object, which may have no name yet. */
export function refused(
  request: AdmissionRequest,
  text: string,
  code: number,
  reason: string,
  causes: readonly string[],
): ApiError {
  const { object, name, registration } = request;
  const refusal = forbidden(registration.served, nameInRefusal(object, name), text);
  const details = { ...refusal.details, causes: causes.map((message) => ({ message })) };
  return new ApiError(code, reason, refusal.message, details);
}
