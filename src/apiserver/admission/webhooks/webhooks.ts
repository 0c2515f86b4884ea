import {
  ApiError,
  applyJsonPatch,
  equalJson,
  forbidden,
  internalError,
  jsonProblem,
  type KubeObject,
} from '../../../machinery/index.ts';
import type { Registration } from '../../registry/registration.ts';
import type { Registry } from '../../registry/registry.ts';
import { type Steps, wait } from '../../rest/steps.ts';
import type { Store } from '../../store/store.ts';
import type { WebhookCaller } from '../../webhooks/caller.ts';
import type { Evaluate } from '../evaluation.ts';
import { createMatchIndex, isExempt, type MatchIndex, matchedResource, selectsRequest } from '../match.ts';
import { reinvocationOf, remember, requireAgain } from '../reinvoke.ts';
import type { AdmissionRequest, Rounds, WaitingAdmission } from '../request.ts';
import { convertFor, shownAs, takenBack } from '../versions.ts';
import { askWebhook, WebhookFailure } from './call.ts';
import { createHooks, type Hook } from './hooks.ts';
import type { WebhookMetrics } from './metrics.ts';

export interface WebhookDependencies {
  store: Store;
  registry: Registry;
  caller: WebhookCaller;
  metrics: WebhookMetrics;
  /** What matchConditions are evaluated with. */
  evaluate: Evaluate;
}

/** A webhook that a request is for, and the resource in whose terms it is asked. */
interface Invocation {
  hook: Hook;
  target: Registration;
}

/** MutatingAdmissionWebhook and ValidatingAdmissionWebhook: one after another those that change, all at once those that judge. */
export function createWebhooks(dependencies: WebhookDependencies): WaitingAdmission {
  const { store, registry } = dependencies;
  const mutating = createMatchIndex(registry, createHooks(store, 'mutatingwebhookconfigurations'));
  const validating = createMatchIndex(registry, createHooks(store, 'validatingwebhookconfigurations'));
  return {
    *mutate(request, rounds) {
      const hooks = candidates(mutating, request);
      if (hooks.length > 0) yield* mutateWith(dependencies, hooks, request, rounds);
    },
    *validate(request) {
      const invocations: Invocation[] = [];
      for (const hook of candidates(validating, request)) {
        const target = yield* targetOf(dependencies, hook, request);
        if (target) invocations.push({ hook, target });
      }
      if (invocations.length > 0) yield* wait(validateWith(dependencies, invocations, request));
    },
  };
}

function candidates(index: MatchIndex<Hook>, request: AdmissionRequest): readonly Hook[] {
  const hooks = index.candidates(request);
  return hooks.length === 0 || isExempt(request) ? [] : hooks;
}

/** The resource in whose terms a webhook is asked about a request; undefined if it is not to be asked. */
function* targetOf(
  dependencies: WebhookDependencies,
  hook: Hook,
  request: AdmissionRequest,
): Steps<Registration | undefined> {
  const target = matchedResource(hook.match, request, dependencies.registry);
  if (!target || !selectsRequest(hook.match, request, dependencies.store)) return undefined;
  yield* convertFor(target, request);
  const { matches, error } = hook.conditions(() => dependencies.evaluate(request, target));
  if (error !== undefined) throw forbidden(request.registration.served, request.name, error);
  return matches ? target : undefined;
}

function* mutateWith(
  dependencies: WebhookDependencies,
  hooks: readonly Hook[],
  request: AdmissionRequest,
  rounds: Rounds,
): Steps<void> {
  const reinvocation = reinvocationOf('webhooks', rounds, request.object);
  for (const [index, hook] of hooks.entries()) {
    const target = yield* targetOf(dependencies, hook, request);
    if (!target || (rounds.again && !reinvocation.due.has(hook.id))) continue;
    const place = `round_${rounds.again ? 1 : 0}_index_${index}`;
    const changed = yield* callMutating(dependencies, { hook, target }, request, place);
    if (changed) {
      requireAgain(reinvocation);
      rounds.changed = true;
    }
    if (hook.reinvocable) reinvocation.seen.add(hook.id);
  }
  remember(reinvocation, request.object);
}

/** Asks one webhook and puts what its patch makes of the object in the object's place. Returns whether that is another. */
function* callMutating(
  { caller, metrics }: WebhookDependencies,
  { hook, target }: Invocation,
  request: AdmissionRequest,
  place: string,
): Steps<boolean> {
  let mutated = false;
  let problem: unknown;
  const began = performance.now();
  try {
    const { patch, patchType } = yield* wait(askWebhook(caller, hook, request, target, true));
    const operations = patch === '' ? [] : operationsOf(patch);
    if (operations.length === 0) return false;
    if (request.operation === 'DELETE') {
      const what = 'attempted to modify the object, which is not supported for this operation';
      throw internalError(`admission webhook ${JSON.stringify(hook.name)} ${what}`);
    }
    if (patchType !== 'JSONPatch') throw new WebhookFailure(`unsupported patch type ${JSON.stringify(patchType)}`);
    const before = shownAs(request.object, target, request);
    const after = patched(before, operations);
    mutated = !equalJson(before, after);
    if (mutated) request.object = yield* takenBack(after, target, request);
    annotatePatch(request, hook, place, operations);
    return mutated;
  } catch (error) {
    problem = error;
    failed(error, hook, request, `failed-open.mutation.webhook.admission.k8s.io/${place}`);
    return false;
  } finally {
    metrics.observe('admit', hook, request, secondsSince(began), problem);
    const note = { configuration: hook.configuration, webhook: hook.name, mutated };
    request.annotate(`mutation.webhook.admission.k8s.io/${place}`, JSON.stringify(note));
  }
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

function annotatePatch(request: AdmissionRequest, hook: Hook, place: string, patch: unknown[]): void {
  const note = { configuration: hook.configuration, webhook: hook.name, patch, patchType: 'JSONPatch' };
  request.annotate(`patch.webhook.admission.k8s.io/${place}`, JSON.stringify(note));
}

/** What a failure means: nothing for a webhook that fails open, a 500 for one that could not be asked. */
function failed(error: unknown, hook: Hook, request: AdmissionRequest, annotation: string): void {
  if (!(error instanceof WebhookFailure)) throw error;
  const why = `failed calling webhook ${JSON.stringify(hook.name)}: ${error.message}`;
  if (!hook.ignoreFailure) throw internalError(why);
  request.annotate(annotation, hook.name);
}

function operationsOf(base64: string): unknown[] {
  const text = Buffer.from(base64, 'base64').toString('utf8');
  const undecodable = (why: string): WebhookFailure =>
    new WebhookFailure(`received undecodable patch in webhook response: ${why}`);
  let operations: unknown;
  try {
    operations = JSON.parse(text);
  } catch {
    throw undecodable(jsonProblem(text));
  }
  if (Array.isArray(operations)) return operations;
  if (operations === null) return [];
  throw undecodable(`json: cannot unmarshal ${typeof operations} into Go value of type jsonpatch.Patch`);
}

function patched(object: KubeObject, operations: unknown[]): KubeObject {
  try {
    return applyJsonPatch(object, operations);
  } catch (error) {
    if (error instanceof ApiError)
      throw internalError(error.cause instanceof Error ? error.cause.message : error.message);
    throw error;
  }
}

/** Asks all webhooks at once; the first in order that refuses, or could not be asked and must be, speaks for all. */
async function validateWith(
  { caller, metrics }: WebhookDependencies,
  invocations: readonly Invocation[],
  request: AdmissionRequest,
): Promise<void> {
  const results = await Promise.allSettled(
    invocations.map(async ({ hook, target }, index) => {
      const began = performance.now();
      try {
        await askWebhook(caller, hook, request, target, false);
        metrics.observe('validating', hook, request, secondsSince(began));
      } catch (error) {
        metrics.observe('validating', hook, request, secondsSince(began), error);
        failed(error, hook, request, `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`);
      }
    }),
  );
  const refused = results.find((result) => result.status === 'rejected');
  if (refused) throw refused.reason;
}
