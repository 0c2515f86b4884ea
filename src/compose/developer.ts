import type { PlatformContext } from '../client/index.ts';
import { type Diagnosis, diagnose, informerSource, type Provenance } from '../diagnose/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import type { ConditionState } from './conditions.ts';

export interface DeveloperInput {
  context: PlatformContext;
  /** Where what belongs to an instance may be. */
  watched: readonly Resource[];
  provenance: Provenance;
}

/**
 * What an instance's developer is to be told: the answer of `homeport why`, as the condition Developer. undefined if
 * there is no answer, which is logged: an explanation that fails must not stop the composing.
 */
export function developerCondition(
  input: DeveloperInput,
): (instance: KubeObject) => Promise<ConditionState | undefined> {
  const { client, informers, log } = input.context;
  return async (object) => {
    try {
      const source = informerSource({ client, informers, resources: input.watched });
      return stateOf(await diagnose({ object, source, provenance: input.provenance, now: new Date() }));
    } catch (error) {
      log.warn({ err: error }, `diagnosing ${object.kind}/${object.metadata.name} failed`);
      return undefined;
    }
  };
}

const reasons = { developer: 'FixableByDeveloper', owner: 'FixableByOwner', platform: 'FixableByPlatform' } as const;

function stateOf({ healthy, fixableBy, cause: message }: Diagnosis): ConditionState {
  const type = 'Developer';
  if (healthy) return { type, ok: true, reason: 'Healthy', message };
  // Nothing that anybody could fix: it only needs time.
  if (!fixableBy) return { type, ok: undefined, reason: 'Progressing', message };
  return { type, ok: false, reason: reasons[fixableBy], message };
}
