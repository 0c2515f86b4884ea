import type { Authorizer } from '../contracts.ts';
import type { ServerLog } from '../options.ts';
import type { Registry } from '../registry/registry.ts';
import type { Store } from '../store/store.ts';
import { createWebhookCaller } from '../webhooks/caller.ts';
import { createServiceResolver } from '../webhooks/services.ts';
import type { ConfiguredAdmission } from './admission.ts';
import { createEvaluate } from './evaluation.ts';
import { createMutatingPolicies } from './policies/mutating.ts';
import { followPolicyTypes } from './policies/type-checking.ts';
import { createValidatingPolicies } from './policies/validating.ts';
import { createWebhookMetrics } from './webhooks/metrics.ts';
import { createWebhooks } from './webhooks/webhooks.ts';

/** What objects configure of admission, what came of it as families of metrics, and the way to end its connections. */
export function createDynamicAdmission(
  store: Store,
  registry: Registry,
  authorizer: Authorizer,
  log: ServerLog,
): { configured: ConfiguredAdmission; metrics(): string; close(): void } {
  const caller = createWebhookCaller(createServiceResolver(store));
  const metrics = createWebhookMetrics();
  const dependencies = { store, registry, evaluate: createEvaluate(store, authorizer), caller, metrics };
  const configured = {
    policies: [createMutatingPolicies(dependencies), createValidatingPolicies(dependencies)],
    webhooks: createWebhooks(dependencies),
  };
  const stopChecking = followPolicyTypes(store, registry, log);
  return {
    configured,
    metrics: metrics.render,
    close() {
      stopChecking();
      caller.close();
    },
  };
}
