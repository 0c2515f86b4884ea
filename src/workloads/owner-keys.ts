import type { Informer } from '../client/index.ts';
import { controllerOf, type KubeObject, keyOf, objectKey } from '../machinery/index.ts';
import type { Expectations } from './expectations.ts';

interface Owners {
  /** The informer of the owners' kind. */
  informer: Informer;
  selects(owner: KubeObject, child: KubeObject): boolean;
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
  const { kind } = informer.resource;
  return (child, { deleted, old }) => {
    const { namespace, uid = '', deletionTimestamp } = child.metadata;
    const owner = controllerOf(child);
    const managing = [owner, old && controllerOf(old)].filter((each) => each?.kind === kind);
    const keys = managing.map((each) => objectKey(each?.name ?? '', namespace));
    if (expectations && owner?.kind === kind) {
      const key = objectKey(owner.name, namespace);
      if (!deleted && !old) expectations.creationObserved(key);
      if (deleted || deletionTimestamp) expectations.deletionObserved(key, uid);
    }
    if (owner || deleted) return keys;
    const selecting = informer.list(namespace).filter((each) => selects(each, child));
    return [...keys, ...selecting.map(keyOf)];
  };
}
