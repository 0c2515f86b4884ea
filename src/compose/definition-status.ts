import { type Fields, type KubeObject, splitKey } from '../machinery/index.ts';
import { type ConditionState, conditionOf, conditionsIn } from './conditions.ts';
import { type Definition, nameOfDefinition } from './definition.ts';

/** How far a definition has come. */
export interface DefinitionProgress {
  /** The definition as it is now, or what is wrong with it. */
  accepted: Definition | Error;
  /** The definition that instances are served by: the last good one. */
  served: Definition | undefined;
  kindReady: boolean;
  /** Composed kinds that are not installed. */
  missing: readonly string[];
}

/** The status of a definition (upstream's states, conditions and fields). */
export function definitionStatus(source: KubeObject, progress: DefinitionProgress, now: Date): Fields {
  const { accepted, served } = progress;
  const old = conditionsIn(source.status);
  const isAccepted = !(accepted instanceof Error);
  const isReady = isAccepted && progress.kindReady && served === accepted;
  const states: ConditionState[] = [
    {
      type: 'Ready',
      ok: isReady,
      reason: isReady ? 'Ready' : 'NotReady',
      message: isReady
        ? `instances of ${accepted.resource.kind} are served`
        : isAccepted
          ? 'starting'
          : accepted.message,
    },
    isAccepted
      ? { type: 'ResourceGraphAccepted', ok: true, reason: 'Valid', message: 'resource graph and schema are valid' }
      : { type: 'ResourceGraphAccepted', ok: false, reason: 'InvalidResourceGraph', message: accepted.message },
    {
      type: 'KindReady',
      ok: progress.kindReady,
      reason: progress.kindReady ? 'Established' : 'NotEstablished',
      message: served ? `kind ${served.resource.kind} is served` : 'the kind is not served yet',
    },
    controllerReady(accepted, served, progress.missing),
  ];
  const shown = isAccepted ? accepted : served;
  return {
    state: isReady ? 'Active' : 'Inactive',
    topologicalOrder: shown?.levels.flat() ?? [],
    resources: [...(shown?.nodes.values() ?? [])].map((node) => ({
      id: node.id,
      dependencies: [...node.dependencies].map((id) => ({ id })),
    })),
    conditions: states.map((state) => conditionOf(state, old, { generation: source.metadata.generation, now })),
  };
}

function controllerReady(
  accepted: Definition | Error,
  served: Definition | undefined,
  missing: readonly string[],
): ConditionState {
  const type = 'ControllerReady';
  if (!served) return { type, ok: false, reason: 'NotRunning', message: 'no instance is reconciled' };
  if (served !== accepted) {
    const { kind, metadata } = served.source;
    const message = `instances are still reconciled by generation ${metadata.generation ?? '?'} of this ${kind}`;
    return { type, ok: true, reason: 'RunningLastGood', message };
  }
  const kinds = missing.map((key) => key.replace(/\/([^/]*)$/, ' $1'));
  const waiting = kinds.length > 0 ? `; not installed yet: ${kinds.join(', ')}` : '';
  return { type, ok: true, reason: 'Running', message: `instances are reconciled${waiting}` };
}

/** 'ResourceGraphDefinition|application': a definition's key in the queue. */
export function queueKey(source: KubeObject): string {
  return nameOfDefinition(source).replace('/', '|');
}

/** The parts of a queue key. */
export function splitQueueKey(key: string): { kind: string; key: string; name: string } {
  const bar = key.indexOf('|');
  const rest = key.slice(bar + 1);
  return { kind: key.slice(0, bar), key: rest, name: splitKey(rest).name };
}
