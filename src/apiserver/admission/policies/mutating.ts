import {
  ApiError,
  applyJsonPatch,
  equalJson,
  type Fields,
  isFields,
  type KubeObject,
  mergeTyped,
} from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt } from '../../kinds/fields.ts';
import { type Compiled, evaluateExpression } from '../../policy/expressions.ts';
import { applyError, compileMutation, typeNameError } from '../../policy/mutations.ts';
import type { Steps } from '../../rest/steps.ts';
import { createMatchIndex } from '../match.ts';
import { reinvocationOf, remember, requireAgain } from '../reinvoke.ts';
import type { AdmissionRequest, Rounds, WaitingAdmission } from '../request.ts';
import { convertFor, schemaOf, shownAs, takenBack } from '../versions.ts';
import { createPolicies } from './definitions.ts';
import { compileHead, type Head } from './head.ts';
import {
  BUDGET,
  evaluationFor,
  type Invocation,
  invocationsFor,
  type Misconfiguration,
  type PolicyDependencies,
} from './invocations.ts';
import { refused } from './validating.ts';

interface Mutation {
  type: string;
  source: string;
  expression: Compiled;
}

interface CompiledPolicy extends Head {
  mutations: readonly Mutation[];
  reinvocable: boolean;
}

function compilePolicy(spec: Fields): CompiledPolicy {
  const { scope, ...head } = compileHead(spec);
  return {
    ...head,
    mutations: objectsAt(spec, 'mutations').map((mutation) => {
      const type = textAt(mutation, 'patchType');
      const patch = objectAt(mutation, type === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration');
      const source = textAt(patch, 'expression').trim();
      return { type, source, expression: compileMutation(type, source, scope) };
    }),
    reinvocable: spec['reinvocationPolicy'] === 'IfNeeded',
  };
}

/** A mutation that cannot be made. */
class MutationError extends Error {}

/** The MutatingAdmissionPolicies, one after another, each for its bindings. */
export function createMutatingPolicies(dependencies: PolicyDependencies): Pick<WaitingAdmission, 'mutate'> {
  const policies = createPolicies(dependencies.store, 'mutatingadmissionpolicies', compilePolicy);
  const index = createMatchIndex(dependencies.registry, policies);
  return {
    *mutate(request, rounds) {
      const { invocations, misconfigured } = invocationsFor(dependencies, index, request);
      if (invocations.length === 0 && misconfigured.length === 0) return;
      const failures = yield* mutateWith(dependencies, invocations, request, rounds);
      refuse([...misconfigured, ...failures], misconfigured.length, request);
    },
  };
}

/** Throws the 403 for failures of policies that do not let them pass. */
function refuse(failures: readonly Misconfiguration[], misconfigured: number, request: AdmissionRequest): void {
  const counted = failures.flatMap((failure, index) => (failure.policy.ignoreFailure ? [] : [{ failure, index }]));
  const [first] = counted;
  if (!first) return;
  const causes = counted.map(({ failure: { policy, binding, message } }) =>
    binding
      ? `policy '${policy.name}' with binding '${binding.name}' denied request: ${message}`
      : `policy "${policy.name}" denied request: ${message}`,
  );
  const refusal = refused(request, '', 403, first.index < misconfigured ? 'Forbidden' : 'Invalid', causes);
  throw new ApiError(403, refusal.reason, causes[0] ?? '', refusal.details);
}

function* mutateWith(
  dependencies: PolicyDependencies,
  invocations: readonly Invocation<CompiledPolicy>[],
  request: AdmissionRequest,
  rounds: Rounds,
): Steps<Misconfiguration[]> {
  const reinvocation = reinvocationOf('policies', rounds, request.object);
  const failures: Misconfiguration[] = [];
  for (const invocation of invocations) {
    const { policy, binding, param } = invocation;
    const budget = { left: BUDGET };
    yield* convertFor(invocation.target, request);
    const evaluation = evaluationFor(dependencies, request, invocation, policy.compiled.variables, budget);
    const { matches, error } = policy.compiled.conditions(() => evaluation);
    if (error !== undefined) failures.push({ policy, binding, message: error });
    const id = JSON.stringify([policy.name, binding.name, param?.metadata.namespace, param?.metadata.name]);
    if (!matches || (rounds.again && !reinvocation.due.has(id))) continue;
    const before = request.object;
    for (const mutation of policy.compiled.mutations) {
      const failure = yield* mutate(dependencies, invocation, mutation, request);
      if (failure !== undefined) failures.push({ policy, binding, message: failure });
    }
    if (!equalJson(before, request.object)) {
      requireAgain(reinvocation);
      rounds.changed = true;
    }
    if (policy.compiled.reinvocable) reinvocation.seen.add(id);
  }
  remember(reinvocation, request.object);
  return failures;
}

/** Makes one mutation, or says why it cannot be made. */
function* mutate(
  dependencies: PolicyDependencies,
  invocation: Invocation<CompiledPolicy>,
  { type, source, expression }: Mutation,
  request: AdmissionRequest,
): Steps<string | undefined> {
  // Nothing is left to change of what is deleted.
  if (request.operation === 'DELETE') return undefined;
  yield* convertFor(invocation.target, request);
  const budget = { left: BUDGET };
  const { variables } = invocation.policy.compiled;
  const evaluation = evaluationFor(dependencies, request, invocation, variables, budget);
  const { value, error } = evaluateExpression(expression, source, evaluation, budget);
  if (error !== undefined) return error;
  const misnamed = expression.program && typeNameError(expression.program);
  if (misnamed !== undefined) return misnamed;
  const before = shownAs(request.object, invocation.target, request);
  try {
    const after = type === 'JSONPatch' ? patched(before, value) : applied(before, value, invocation, request);
    if (!equalJson(before, after)) request.object = yield* takenBack(after, invocation.target, request);
    return undefined;
  } catch (problem) {
    if (problem instanceof MutationError) return problem.message;
    throw problem;
  }
}

function applied(
  object: KubeObject,
  value: unknown,
  { target }: Invocation<unknown>,
  request: AdmissionRequest,
): KubeObject {
  const { apiVersion, kind } = object;
  const configuration = { ...(isFields(value) ? value : {}), apiVersion, kind };
  const schema = schemaOf(target, request);
  const error = applyError(configuration, schema);
  if (error !== undefined) throw new MutationError(error);
  return mergeTyped(object, configuration, schema) as KubeObject;
}

function patched(object: KubeObject, operations: unknown): KubeObject {
  try {
    return applyJsonPatch(object, operations);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const why = error.cause instanceof Error ? error.cause.message : error.message;
    // A test that fails is how a patch says that it is not for this object.
    if (why.endsWith('test failed')) return object;
    throw new MutationError(`JSON Patch: ${why}`);
  }
}
