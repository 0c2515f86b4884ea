import { controllerOf, type KubeObject } from '../machinery/index.ts';
import { visible } from './listings.ts';
import { namespaceOf } from './network-faults.ts';
import { numberAt } from './status.ts';
import type { ObjectSource } from './types.ts';

/** On a Deployment its version, on a ReplicaSet the version that it runs. */
const revisionAnnotation = 'deployment.kubernetes.io/revision';

/**
 * Tells what counts for how an object is now: not what is on its way out, and not the ReplicaSets of a Deployment's
 * earlier versions or their pods, whatever has become of those. Each ReplicaSet is looked up once.
 */
export function createCurrency(source: ObjectSource): (object: KubeObject) => Promise<boolean> {
  const sets = new Map<string, Promise<boolean>>();

  const owner = async (object: KubeObject): Promise<KubeObject | undefined> => {
    const reference = controllerOf(object);
    if (!reference) return undefined;
    const { apiVersion, kind, name } = reference;
    return visible(source.get(apiVersion, kind, { name, ...namespaceOf(object) }));
  };

  const isCurrentSet = async (set: KubeObject): Promise<boolean> => {
    if (numberAt(set.spec, ['replicas']) === 0 && (numberAt(set.status, ['replicas']) ?? 0) === 0) return false;
    const wanted = (await owner(set))?.metadata.annotations?.[revisionAnnotation];
    return wanted === undefined || set.metadata.annotations?.[revisionAnnotation] === wanted;
  };

  const once = (uid: string, answer: () => Promise<boolean>): Promise<boolean> => {
    const known = sets.get(uid) ?? answer();
    sets.set(uid, known);
    return known;
  };

  return async (object) => {
    if (object.metadata.deletionTimestamp) return false;
    if (object.kind === 'ReplicaSet') return once(object.metadata.uid ?? '', () => isCurrentSet(object));
    const reference = object.kind === 'Pod' ? controllerOf(object) : undefined;
    if (reference?.kind !== 'ReplicaSet') return true;
    return once(reference.uid, async () => {
      const set = await owner(object);
      return set === undefined || isCurrentSet(set);
    });
  };
}
