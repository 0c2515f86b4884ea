import type { CelBudget, KubeObject } from '../../../machinery/index.ts';
import type { Evaluation } from '../../policy/expressions.ts';
import type { Variables } from '../../policy/variables.ts';
import type { Registration } from '../../registry/registration.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Store } from '../../store/store.ts';
import type { Evaluate } from '../evaluation.ts';
import { isExempt, type MatchIndex, matchedResource, selectsRequest } from '../match.ts';
import type { AdmissionRequest } from '../request.ts';
import type { Binding, Policy } from './definitions.ts';
import { ConfigurationError, paramResource, paramsOf } from './params.ts';

export interface PolicyDependencies {
  store: Store;
  registry: Registry;
  evaluate: Evaluate;
}

/** What all of a policy's expressions may cost together, in CEL's units (upstream's RuntimeCELCostBudget). */
export const BUDGET = 10_000_000;

/** One evaluation of a policy: for a binding, with a parameter, in terms of the resource that its rules name. */
export interface Invocation<Compiled> {
  policy: Policy<Compiled>;
  binding: Binding;
  param: KubeObject | null;
  target: Registration;
}

/** Why a policy, or one binding of it, cannot be evaluated. */
export interface Misconfiguration {
  policy: Policy<unknown>;
  binding: Binding | undefined;
  message: string;
}

/** Reviews and bindings are no objects that policies could look after. */
const EXCLUDED = new Set([
  '/bindings',
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
]);

/** What most requests ask for. */
const NONE = { invocations: [], misconfigured: [] };

/** Every evaluation that a request asks for, in order, and what keeps others from being made. */
export function invocationsFor<Compiled>(
  dependencies: PolicyDependencies,
  index: MatchIndex<Policy<Compiled>>,
  request: AdmissionRequest,
): { invocations: readonly Invocation<Compiled>[]; misconfigured: readonly Misconfiguration[] } {
  const candidates = index.candidates(request);
  if (candidates.length === 0 || isExcluded(request)) return NONE;
  const invocations: Invocation<Compiled>[] = [];
  const misconfigured: Misconfiguration[] = [];
  const attempt = (policy: Policy<Compiled>, binding: Binding | undefined, action: () => void): void => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      const what = binding ? 'binding' : 'policy';
      misconfigured.push({ policy, binding, message: `failed to configure ${what}: ${error.message}` });
    }
  };
  for (const policy of candidates) {
    const target = matchedResource(policy.match, request, dependencies.registry);
    if (!target || !selectsRequest(policy.match, request, dependencies.store)) continue;
    attempt(policy, undefined, () => {
      const resource = paramResource(policy, dependencies.registry);
      for (const binding of policy.bindings) {
        if (!bindingMatches(dependencies, binding, request)) continue;
        attempt(policy, binding, () => {
          const params = paramsOf(dependencies.store, resource, binding, request);
          for (const param of params) invocations.push({ policy, binding, param, target });
        });
      }
    });
  }
  return { invocations, misconfigured };
}

function isExcluded(request: AdmissionRequest): boolean {
  const { group, resource } = request.registration.served;
  return isExempt(request) || EXCLUDED.has(`${group}/${resource}`);
}

/** A binding without rules narrows its policy by its selectors alone. */
function bindingMatches(
  { store, registry }: PolicyDependencies,
  { match }: Binding,
  request: AdmissionRequest,
): boolean {
  if (!match) return true;
  const named = match.rules.length === 0 && match.excluded.length === 0;
  if (!named && matchedResource(withRules(match), request, registry) === undefined) return false;
  return selectsRequest(match, request, store);
}

const EVERYTHING = {
  operations: ['*'],
  apiGroups: ['*'],
  apiVersions: ['*'],
  resources: [['*', '*']] as const,
  scope: '*',
  names: [],
};

/** Exclusions without rules are from everything. */
const withRules = (match: NonNullable<Binding['match']>): NonNullable<Binding['match']> =>
  match.rules.length > 0 ? match : { ...match, rules: [EVERYTHING] };

/** What the expressions of a policy read in one evaluation of it. */
export function evaluationFor(
  { evaluate }: PolicyDependencies,
  request: AdmissionRequest,
  { target, param, policy }: Invocation<unknown>,
  variables: Variables,
  budget: CelBudget,
): Evaluation {
  const evaluation: Evaluation = evaluate(request, target);
  if (policy.paramKind) evaluation['params'] = param;
  evaluation['variables'] = variables.values(evaluation, budget);
  return evaluation;
}
