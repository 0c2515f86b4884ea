import type { PlatformContext } from '../client/index.ts';
import {
  CelMissingError,
  type KubeObject,
  keyOf,
  labelSelectorOf,
  objectKey,
  type Resource,
} from '../machinery/index.ts';
import { type AppliedRecord, applyObject } from './apply-object.ts';
import type { Definition, Node } from './definition.ts';
import { isTrue, type Live, type Plan, planNode, variablesOf } from './desired.ts';
import type { InventoryItem } from './inventory.ts';
import { kindKey } from './kinds.ts';

export type NodeState = 'Ready' | 'Progressing' | 'Waiting' | 'Excluded' | 'Error';

/** What has become of one node. */
export interface NodeOutcome {
  state: NodeState;
  message: string;
  /** What it composes, once that is known. */
  items?: readonly InventoryItem[];
  /** The server could not do it now but may soon: try again without waiting for a change. */
  retry?: boolean;
}

/** What has become of an instance's nodes. */
export interface Outcome {
  nodes: ReadonlyMap<string, NodeOutcome>;
  live: ReadonlyMap<string, Live>;
}

export interface ComposeInput {
  context: PlatformContext;
  definition: Definition;
  instance: KubeObject;
  /** The resources of the nodes' kinds; a kind that is not installed is missing. */
  resources: ReadonlyMap<string, Resource>;
  /** By the identity of the object; kept from one reconcile to the next. */
  applied: Map<string, AppliedRecord>;
  /** Called for every object (or, without key, for all objects of a resource) that the instance reads and does not own. */
  noteRead(resource: Resource, key: string | undefined): void;
  /** Stores items in the inventory. Called before any of them is created. */
  record(items: readonly InventoryItem[]): Promise<void>;
}

/**
 * Brings the objects of an instance to what its definition says, level by level; the nodes of a level in parallel. A
 * node that fails or waits stops only what depends on it.
 */
export async function composeInstance(input: ComposeInput): Promise<Outcome> {
  const { definition, instance } = input;
  const nodes = new Map<string, NodeOutcome>();
  const live = new Map<string, Live>();
  const ready = new Set<string>();
  const excluded = new Set<string>();
  for (const [level, ids] of definition.levels.entries()) {
    const plans = ids.flatMap((id) => {
      const node = definition.nodes.get(id);
      if (!node) return [];
      const resource = input.resources.get(kindKey(node));
      return [{ node, plan: planNode(node, definition, { instance, live, ready, excluded }, resource) }];
    });
    await input.record(plans.flatMap(({ node, plan }) => (plan.kind === 'apply' ? itemsOf(node, plan, level) : [])));
    await Promise.all(
      plans.map(async ({ node, plan }) => {
        const outcome = await carryOut(node, plan, level, input, live);
        nodes.set(node.id, outcome);
        if (outcome.state === 'Ready') ready.add(node.id);
        if (outcome.state === 'Excluded') excluded.add(node.id);
      }),
    );
  }
  return { nodes: new Map([...definition.nodes.keys()].map((id) => [id, nodes.get(id) ?? unknownOutcome])), live };
}

const unknownOutcome: NodeOutcome = { state: 'Waiting', message: '' };

function itemsOf(node: Node, plan: Extract<Plan, { kind: 'apply' }>, level: number): InventoryItem[] {
  const { id, apiVersion, kind } = node;
  return plan.objects.map(({ metadata: { namespace, name } }) => ({
    ...{ id, apiVersion, kind },
    ...(namespace ? { namespace } : {}),
    ...{ name, level },
  }));
}

async function carryOut(
  node: Node,
  plan: Plan,
  level: number,
  input: ComposeInput,
  live: Map<string, Live>,
): Promise<NodeOutcome> {
  if (plan.kind === 'excluded') return { state: 'Excluded', message: plan.message };
  if (plan.kind === 'waiting') return { state: 'Waiting', message: plan.message };
  if (plan.kind === 'error') return { state: 'Error', message: plan.message };
  if (plan.kind === 'read') {
    const found = readExternal(plan, input);
    if (typeof found === 'string') return { state: 'Waiting', message: found };
    live.set(node.id, found);
    return { ...readinessOf(node, input.instance, live), items: [] };
  }
  const items = itemsOf(node, plan, level);
  const results = await Promise.all(plan.objects.map((object) => applyObject(object, plan.resource, input)));
  const worst = (['Error', 'Waiting'] as const)
    .map((state) => results.find((result) => 'state' in result && result.state === state))
    .find((result) => result !== undefined);
  if (worst && 'state' in worst) return { ...worst, items };
  const objects = results.flatMap((result) => ('live' in result ? [result.live] : []));
  const [only] = objects;
  live.set(node.id, node.forEach.length === 0 && only ? only : objects);
  return { ...readinessOf(node, input.instance, live), items };
}

/** What an externalRef names, as it is now; or what it waits for. */
function readExternal(plan: Extract<Plan, { kind: 'read' }>, { context, noteRead }: ComposeInput): Live | string {
  const { resource, namespace, name, selector } = plan;
  const informer = context.informers.for(resource);
  if (name !== undefined) {
    const key = objectKey(name, namespace);
    noteRead(resource, key);
    return informer.get(key) ?? `${resource.kind}/${name} does not exist${namespace ? ` in ${namespace}` : ''}`;
  }
  noteRead(resource, undefined);
  const wanted = labelSelectorOf(selector ?? {});
  return informer
    .list(resource.namespaced ? namespace : undefined)
    .filter((object) => wanted.matches(object.metadata.labels ?? {}))
    .sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

/** Whether a node is ready, as far as that can be told. */
function readinessOf(node: Node, instance: KubeObject, live: ReadonlyMap<string, Live>): NodeOutcome {
  try {
    const missing = unreadiness(node, instance, live);
    return missing === undefined ? { state: 'Ready', message: '' } : { state: 'Progressing', message: missing };
  } catch (error) {
    return { state: 'Error', message: error instanceof Error ? error.message : String(error) };
  }
}

function unreadiness(node: Node, instance: KubeObject, live: ReadonlyMap<string, Live>): string | undefined {
  const variables = variablesOf([node.id, ...node.dependencies], { instance, live });
  const own = live.get(node.id);
  const copies = isList(own) ? own.map((each) => ({ ...variables, each })) : [variables];
  for (const [index, copy] of copies.entries()) {
    const at = isList(own) ? ` (${index + 1} of ${copies.length})` : '';
    for (const program of node.readyWhen) {
      try {
        if (!isTrue(program.evaluate(copy), program.source)) return `not ready${at}: ${program.source} is false`;
      } catch (error) {
        if (!(error instanceof CelMissingError)) throw error;
        return `not ready${at}: ${error.path.join('.')} is not there yet`;
      }
    }
  }
  return undefined;
}

const isList = (live: Live | undefined): live is readonly KubeObject[] => Array.isArray(live);
