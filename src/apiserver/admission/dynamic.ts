import type { Authorizer } from '../contracts.ts';
import type { Registry } from '../registry/registry.ts';
import type { Store } from '../store/store.ts';
import { createWebhookCaller } from '../webhooks/caller.ts';
import { createServiceResolver } from '../webhooks/services.ts';
import { createEvaluate } from './evaluation.ts';
import type { DynamicAdmission } from './request.ts';
import { createWebhooks } from './webhooks/webhooks.ts';

/** The parts of admission that objects configure, in the order in which they are asked, and the way to end their connections. */
export function createDynamicAdmission(
  store: Store,
  registry: Registry,
  authorizer: Authorizer,
): { parts: readonly DynamicAdmission[]; close(): void } {
  const caller = createWebhookCaller(createServiceResolver(store));
  const evaluate = createEvaluate(store, authorizer);
  return { parts: [createWebhooks({ store, registry, caller, evaluate })], close: caller.close };
}
