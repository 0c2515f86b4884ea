import {
  CelMissingError,
  type Condition,
  celOmitted,
  type Fields,
  type KubeObject,
  timestamp,
} from '../machinery/index.ts';
import type { NodeOutcome, Outcome } from './compose-instance.ts';
import { type ConditionState, conditionOf, conditionsIn, isCondition, sinceOf } from './conditions.ts';
import type { Definition } from './definition.ts';
import { variablesOf } from './desired.ts';
import { render, type Template } from './template.ts';

/** An instance's state in one word, as upstream has them. */
export type InstanceState = 'ACTIVE' | 'IN_PROGRESS' | 'ERROR' | 'DELETING';

export interface StatusInput {
  instance: KubeObject;
  definition: Definition;
  outcome: Outcome;
  /** What is still there of resources that are no longer part of the instance. */
  pruning: readonly string[];
  now: Date;
}

/** One entry of status.nodes: what has become of a resource of the definition, since when. */
interface NodeStatus {
  id: string;
  state: NodeOutcome['state'];
  message?: string;
  since: string;
}

/** The whole status of an instance that is served: its own fields, ours, and what its expressions could not give. */
export function instanceStatus(input: StatusInput): { status: Fields; problems: string[] } {
  const { instance, definition, outcome, now } = input;
  const own = ownFields(definition.status, instance, outcome);
  const states = [...outcome.nodes.values()];
  const failed = entriesIn(outcome, 'Error');
  const unfinished = [...entriesIn(outcome, 'Waiting'), ...entriesIn(outcome, 'Progressing'), ...input.pruning];
  const isReady = failed.length === 0 && unfinished.length === 0;
  const state: InstanceState = failed.length > 0 ? 'ERROR' : isReady ? 'ACTIVE' : 'IN_PROGRESS';
  const unresolved = states.some(
    (node) => node.items === undefined && (node.state === 'Error' || node.state === 'Waiting'),
  );
  const status = {
    ...own.fields,
    state,
    conditions: mergeConditions(instance, own.fields['conditions'], now, [
      { type: 'InstanceManaged', ok: true, reason: 'Managed', message: 'finalizer and labels are set' },
      graphResolved(outcome, unresolved),
      resourcesReady(failed, unfinished),
      ready(failed, unfinished),
    ]),
    nodes: own.fields['nodes'] ?? nodeStatuses(instance, outcome, now),
  };
  return { status, problems: own.problems };
}

/** A status with one more condition of ours, which keeps its transition time from the instance's old status. */
export function withCondition(status: Fields, state: ConditionState, instance: KubeObject, now: Date): Fields {
  const old = conditionsIn(instance.status);
  const added = conditionOf(state, old, { generation: instance.metadata.generation, now });
  const others = conditionsIn(status).filter((condition) => condition.type !== state.type);
  return { ...status, conditions: [...others, added] };
}

/** The status of an instance that is not composed as a whole now: deleting, suspended, or without a definition. */
export function plainStatus(
  instance: KubeObject,
  state: InstanceState,
  conditions: ConditionState[],
  now: Date,
): Fields {
  return {
    ...instance.status,
    state,
    conditions: mergeConditions(instance, instance.status?.['conditions'], now, conditions),
  };
}

function graphResolved(outcome: Outcome, unresolved: boolean): ConditionState {
  const type = 'GraphResolved';
  if (!unresolved)
    return { type, ok: true, reason: 'Resolved', message: 'every expression of the definition has its value' };
  const open = [...outcome.nodes].filter(([, node]) => node.items === undefined && node.state !== 'Excluded');
  const isError = open.some(([, node]) => node.state === 'Error');
  return {
    type,
    ok: isError ? false : undefined,
    reason: isError ? 'ResolutionFailed' : 'Waiting',
    message: listed(open),
  };
}

function resourcesReady(failed: readonly string[], unfinished: readonly string[]): ConditionState {
  const type = 'ResourcesReady';
  if (failed.length > 0) return { type, ok: false, reason: 'ResourcesFailed', message: failed.join('; ') };
  if (unfinished.length > 0) return { type, ok: false, reason: 'ResourcesNotReady', message: unfinished.join('; ') };
  return { type, ok: true, reason: 'AllResourcesReady', message: 'all resources are created and ready' };
}

function ready(failed: readonly string[], unfinished: readonly string[]): ConditionState {
  return {
    ...resourcesReady(failed, unfinished),
    type: 'Ready',
    reason: failed[0] ? 'Failed' : unfinished[0] ? 'Progressing' : 'Ready',
  };
}

function entriesIn(outcome: Outcome, state: NodeOutcome['state']): string[] {
  return [...outcome.nodes].filter(([, node]) => node.state === state).map(([id, node]) => `${id}: ${node.message}`);
}

const listed = (nodes: readonly (readonly [string, NodeOutcome])[]): string =>
  nodes.map(([id, node]) => `${id}: ${node.message}`).join('; ');

/** The definition's status fields as far as their values are there; what fails otherwise is a problem. */
function ownFields(templates: ReadonlyMap<string, Template>, instance: KubeObject, outcome: Outcome) {
  const fields: Fields = {};
  const problems: string[] = [];
  const variables = variablesOf(outcome.live.keys(), { instance, live: outcome.live });
  for (const [name, template] of templates) {
    try {
      const value = renderPresent(template, variables);
      if (value !== celOmitted) fields[name] = value;
    } catch (error) {
      problems.push(`status.${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { fields, problems };
}

/** Like render, but leaves out what is not there yet, however deep, and keeps the rest. */
function renderPresent(template: Template, variables: Fields): unknown {
  if (template.kind === 'object') {
    const out: Fields = {};
    for (const [name, field] of template.fields) {
      const value = renderPresent(field, variables);
      if (value !== celOmitted) out[name] = value;
    }
    return out;
  }
  try {
    return render(template, variables);
  } catch (error) {
    if (error instanceof CelMissingError) return celOmitted;
    throw error;
  }
}

/** Conditions from the instance's own status expression, then ours; of one type, ours. */
function mergeConditions(
  instance: KubeObject,
  theirs: unknown,
  now: Date,
  states: readonly ConditionState[],
): Condition[] {
  const old = conditionsIn(instance.status);
  const ours = states.map((state) => conditionOf(state, old, { generation: instance.metadata.generation, now }));
  const types = new Set(ours.map((condition) => condition.type));
  // An entry may give a list: one condition for each of several objects.
  const others = (Array.isArray(theirs) ? theirs.flat() : [])
    .filter(isCondition)
    .filter((condition) => !types.has(condition.type))
    .map((condition) => ({
      ...condition,
      lastTransitionTime: condition.lastTransitionTime ?? sinceOf(condition, old, now),
    }));
  return [...others, ...ours];
}

function nodeStatuses(instance: KubeObject, outcome: Outcome, now: Date): NodeStatus[] {
  const old = instance.status?.['nodes'];
  const before = new Map((Array.isArray(old) ? (old as NodeStatus[]) : []).map((node) => [node?.id, node]));
  return [...outcome.nodes].map(([id, { state, message }]) => {
    const last = before.get(id);
    const since = last?.state === state && (last.message ?? '') === message ? last.since : timestamp(now);
    return { id, state, ...(message ? { message } : {}), since };
  });
}
