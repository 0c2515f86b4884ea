import type { Informer } from '../client/index.ts';
import { controllerOf, type KubeObject, keyOf, objectKey } from '../machinery/index.ts';
import type { Expectations } from './expectations.ts';

interface Owners {
  /** The informer of the owners' kind. */
  informer: Informer;
  /** Left out by owners that adopt nothing. */
  selects?(owner: KubeObject, child: KubeObject): boolean;
  /** Is told of children that come and go. */
  expectations?: Expectations;
}

interface Change {
  deleted: boolean;
  old?: KubeObject;
}

/**
 * The keys of the owners of one kind that a changed child concerns: of the one that manages it, of the one that did, or
 * where nobody does, of those that select it.
 */
export function ownerKeys({
  informer,
  selects,
  expectations,
}: Owners): (child: KubeObject, change: Change) => string[] {
  /** An owner that has gone, or another of its name, has no business with the child (upstream: resolveControllerRef). */
  function managerOf(child: KubeObject): string | undefined {
    const owner = controllerOf(child);
    if (owner?.kind !== informer.resource.kind) return undefined;
    const key = objectKey(owner.name, child.metadata.namespace);
    return informer.get(key)?.metadata.uid === owner.uid ? key : undefined;
  }

  return (child, { deleted, old }) => {
    const { namespace, uid = '', deletionTimestamp } = child.metadata;
    const key = managerOf(child);
    if (key !== undefined && expectations) {
      if (!deleted && !old) expectations.creationObserved(key);
      if (deleted || deletionTimestamp) expectations.deletionObserved(key, uid);
    }
    const keys = [key, old && managerOf(old)].filter((each) => each !== undefined);
    if (!selects || deleted || controllerOf(child)) return keys;
    const selecting = informer.list(namespace).filter((each) => selects(each, child));
    return [...keys, ...selecting.map(keyOf)];
  };
}
