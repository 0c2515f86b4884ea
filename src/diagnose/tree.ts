import { compareText, type KubeObject } from '../machinery/index.ts';
import { type Health, healthOf } from './health.ts';
import { pointedTo } from './related.ts';
import { nameOf } from './status.ts';
import type { ObjectSource, TreeUsage } from './types.ts';

export interface TreeNode {
  object: KubeObject;
  health: Health;
  /** How it came under its parent: by owner reference, or because the root points to it by a selector or a name. */
  link: 'root' | 'owner' | 'reference';
  children: TreeNode[];
  /** What its pods use, where that was asked for and is measured. */
  usage?: TreeUsage;
}

/** Owners of owners of owners: a tree that is deeper than this was made to be. */
const maxDepth = 100;

/** An object with all that it owns. An object is shown once: cycles of owners end. */
export async function ownershipTree(root: KubeObject, source: ObjectSource): Promise<TreeNode> {
  const seen = new Set<string>([identity(root)]);
  const top = node(root, 'root');
  let level = [top];
  for (let depth = 0; level.length > 0 && depth < maxDepth; depth++) {
    const owned = await Promise.all(level.map((parent) => source.owned(parent.object)));
    level = level.flatMap((parent, i) => adopt(parent, owned[i] ?? [], 'owner', seen));
  }
  adopt(top, await pointedTo(root, source), 'reference', seen);
  return top;
}

const identity = (object: KubeObject): string =>
  object.metadata.uid ?? `${object.metadata.namespace ?? ''}/${nameOf(object)}`;

const node = (object: KubeObject, link: TreeNode['link']): TreeNode => ({
  object,
  health: healthOf(object),
  link,
  children: [],
});

/** Puts objects under their parent, by kind and name, leaving out what the tree has already; returns the new nodes. */
function adopt(
  parent: TreeNode,
  objects: readonly KubeObject[],
  link: TreeNode['link'],
  seen: Set<string>,
): TreeNode[] {
  const fresh = objects.filter((object) => {
    const known = seen.has(identity(object));
    seen.add(identity(object));
    return !known;
  });
  const nodes = fresh
    .toSorted((a, b) => compareText(a.kind, b.kind) || compareText(a.metadata.name, b.metadata.name))
    .map((object) => node(object, link));
  parent.children.push(...nodes);
  return nodes;
}
