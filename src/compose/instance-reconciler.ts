import type { EventRecorder, PlatformContext, ReconcileResult } from '../client/index.ts';
import { type Fields, isReason, type KubeObject, keyOf, type Resource } from '../machinery/index.ts';
import type { AppliedRecord } from './apply-object.ts';
import { composeInstance, type Outcome } from './compose-instance.ts';
import { type ConditionState, conditionsIn } from './conditions.ts';
import type { Definition } from './definition.ts';
import { instanceStatus, plainStatus, withCondition } from './instance-status.ts';
import { type InventoryItem, identityOf, inventoryOf } from './inventory.ts';
import type { KindResolver } from './kinds.ts';
import { FINALIZER, INVENTORY_ANNOTATION, RECONCILE_ANNOTATION } from './names.ts';
import type { Readers } from './readers.ts';
import { removeItems } from './removal.ts';
import { writeStatus } from './write-status.ts';

export interface ReconcilerInput {
  context: PlatformContext;
  recorder: EventRecorder;
  resource: Resource;
  /** undefined when the definition is gone: then instances are only deleted. */
  definition: Definition | undefined;
  resources: ReadonlyMap<string, Resource>;
  resolveKind: KindResolver;
  /** By instance uid. */
  applied: Map<string, Map<string, AppliedRecord>>;
  readers: Readers;
  /** What the instance's developer is to be told, if that can be said. */
  developer(instance: KubeObject): Promise<ConditionState | undefined>;
  /** Called when the last instance of a kind without a definition is gone. */
  onEmpty(): Promise<void>;
}

/** How often something is looked at again that nothing announces, in milliseconds. */
const LOOK_AGAIN = 1_000;

/** The reconcile function of one generated kind. */
export function instanceReconciler(input: ReconcilerInput): (key: string) => Promise<ReconcileResult | undefined> {
  const informer = input.context.informers.for(input.resource);
  return async (key) => {
    const instance = informer.get(key);
    if (!instance) {
      if (!input.definition && informer.list().length === 0) await input.onEmpty();
      return undefined;
    }
    if (instance.metadata.deletionTimestamp) return finalize(instance, input);
    if (!input.definition) return reportOrphan(instance, input);
    if (instance.metadata.annotations?.[RECONCILE_ANNOTATION] === 'suspended') return reportSuspended(instance, input);
    return compose(instance, input.definition, input);
  };
}

async function compose(
  seen: KubeObject,
  definition: Definition,
  input: ReconcilerInput,
): Promise<ReconcileResult | undefined> {
  const { context, recorder, readers } = input;
  const uid = seen.metadata.uid ?? '';
  const applied = input.applied.get(uid) ?? new Map<string, AppliedRecord>();
  input.applied.set(uid, applied);
  let instance = seen;
  let inventory = inventoryOf(instance);
  const save = async (items: InventoryItem[]): Promise<void> => {
    inventory = items;
    instance = await saveInventory(instance, items, input);
  };
  readers.forget(keyOf(seen));
  const outcome = await composeInstance({
    context,
    definition,
    instance,
    resources: input.resources,
    applied,
    noteRead: (resource, key) => readers.note(keyOf(seen), resource, key),
    record: async (items) => {
      const known = new Set(inventory.map(identityOf));
      const added = items.filter((item) => !known.has(identityOf(item)));
      if (added.length > 0) await save([...inventory, ...added]);
    },
  });
  const unwanted = unwantedItems(inventory, outcome, definition);
  const removal = await removeItems({
    client: context.client,
    resolveKind: input.resolveKind,
    instance,
    items: unwanted,
  });
  const gone = new Set(unwanted.filter((item) => !removal.remaining.includes(item)).map(identityOf));
  for (const identity of gone) applied.delete(identity);
  if (gone.size > 0) await save(inventory.filter((item) => !gone.has(identityOf(item))));

  const now = new Date();
  const { status, problems } = instanceStatus({ instance, definition, outcome, pruning: removal.waiting, now });
  for (const problem of problems) recorder.event(instance, 'Warning', 'StatusExpressionFailed', problem);
  // Diagnosed as it is now, and without what its developer was told last.
  const developer = await input.developer({ ...instance, status });
  const told = developer ? withCondition(status, developer, instance, now) : status;
  await writeStatus(input.context.client, input.resource, instance, told);
  announce(seen, instance, told, recorder);
  const retried = [...outcome.nodes.values()].find((node) => node.retry);
  // Thrown, so that the controller backs off; everything that could be done is done.
  if (retried) throw new Error(retried.message);
  return removal.waiting.length > 0 ? { requeueAfter: LOOK_AGAIN } : undefined;
}

/**
 * Stores what is composed for an instance, with the finalizer that lets it be deleted in order. An instance that
 * composes nothing needs neither.
 */
function saveInventory(instance: KubeObject, items: InventoryItem[], input: ReconcilerInput): Promise<KubeObject> {
  const finalizers = instance.metadata.finalizers ?? [];
  const needsFinalizer = items.length > 0 && !finalizers.includes(FINALIZER);
  return patchMetadata(
    instance,
    {
      annotations: { [INVENTORY_ANNOTATION]: JSON.stringify(items) },
      ...(needsFinalizer ? { finalizers: [...finalizers, FINALIZER] } : {}),
    },
    input,
  );
}

/** Changes metadata of the instance as it was seen: a Conflict if it has changed since. */
function patchMetadata(
  instance: KubeObject,
  change: Fields,
  { context, resource }: ReconcilerInput,
): Promise<KubeObject> {
  const { resourceVersion } = instance.metadata;
  return context.client.patch(resource, instance.metadata, 'merge', { metadata: { ...change, resourceVersion } });
}

/**
 * Items that no node composes any more: its node is gone or excluded, or now composes something else. What a waiting or
 * failing node composed stays.
 */
function unwantedItems(inventory: readonly InventoryItem[], outcome: Outcome, definition: Definition): InventoryItem[] {
  const wanted = new Set([...outcome.nodes.values()].flatMap((node) => (node.items ?? []).map(identityOf)));
  return inventory.filter((item) => {
    if (wanted.has(identityOf(item))) return false;
    const node = outcome.nodes.get(item.id);
    if (!definition.nodes.has(item.id) || !node) return true;
    return node.state === 'Excluded' || node.items !== undefined;
  });
}

async function finalize(instance: KubeObject, input: ReconcilerInput): Promise<ReconcileResult | undefined> {
  const finalizers = instance.metadata.finalizers ?? [];
  if (!finalizers.includes(FINALIZER)) return undefined;
  const { client } = input.context;
  // Deleted with `--cascade=orphan`: what was composed is to stay.
  const items = finalizers.includes('orphan') ? [] : inventoryOf(instance);
  const removal = await removeItems({ client, resolveKind: input.resolveKind, instance, items });
  if (removal.remaining.length === 0) {
    try {
      await patchMetadata(instance, { finalizers: finalizers.filter((name) => name !== FINALIZER) }, input);
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
    return undefined;
  }
  const message = removal.waiting.join('; ');
  const state: ConditionState = { type: 'Ready', ok: false, reason: 'Deleting', message };
  await writeStatus(
    input.context.client,
    input.resource,
    instance,
    plainStatus(instance, 'DELETING', [state], new Date()),
  );
  return { requeueAfter: LOOK_AGAIN };
}

async function reportOrphan(instance: KubeObject, input: ReconcilerInput): Promise<undefined> {
  const message = `the definition of ${input.resource.kind} was removed: what is composed stays as it is`;
  const state: ConditionState = { type: 'GraphResolved', ok: false, reason: 'DefinitionRemoved', message };
  const current = instance.status?.['state'];
  const kept = current === 'ACTIVE' || current === 'IN_PROGRESS' ? current : 'ERROR';
  await writeStatus(input.context.client, input.resource, instance, plainStatus(instance, kept, [state], new Date()));
}

async function reportSuspended(instance: KubeObject, input: ReconcilerInput): Promise<undefined> {
  const message = `annotation ${RECONCILE_ANNOTATION} is suspended`;
  const state: ConditionState = { type: 'InstanceManaged', ok: false, reason: 'Suspended', message };
  const current = instance.status?.['state'];
  const kept = current === 'ACTIVE' || current === 'ERROR' ? current : 'IN_PROGRESS';
  await writeStatus(input.context.client, input.resource, instance, plainStatus(instance, kept, [state], new Date()));
}

/** Events when an instance's state changes, and when its developer is told something new. */
function announce(before: KubeObject, instance: KubeObject, status: Fields, recorder: EventRecorder): void {
  const now = (type: string) => conditionsIn(status).find((condition) => condition.type === type);
  const told = conditionsIn(before.status).find((condition) => condition.type === 'Developer');
  const tell = now('Developer');
  if (tell?.status === 'False' && tell.message !== told?.message) {
    recorder.event(instance, 'Warning', tell.reason ?? 'Developer', tell.message ?? '');
  }
  const { state } = status;
  if (before.status?.['state'] === state) return;
  if (state === 'ACTIVE') recorder.event(instance, 'Normal', 'Ready', 'all resources are created and ready');
  if (state === 'ERROR') recorder.event(instance, 'Warning', 'Failed', now('Ready')?.message ?? '');
}
