import type { Client, Informer } from '../client/index.ts';
import type { KubeObject, LabelSelector, ObjectMeta, Resource } from '../machinery/index.ts';
import { controllerOf, isReason, ownerReferenceTo } from '../machinery/index.ts';

/** The index of objects without a managing controller, by namespace. */
export const orphanIndex = 'orphans';

export function addOrphanIndex(informer: Informer): void {
  informer.addIndex(orphanIndex, (object) => (controllerOf(object) ? [] : [object.metadata.namespace ?? '']));
}

interface Claim {
  client: Client;
  owner: KubeObject;
  ownerResource: Resource;
  children: Informer;
  selector: LabelSelector;
  /** What else a child must be to be one of the owner's; every child is, if left out. */
  accepts?: (child: KubeObject) => boolean;
  /** Set on what is adopted, taken off what is released: by those who must see the end of their children. */
  finalizer?: string;
}

/**
 * The children that the owner manages: those that name it and match its selector. Matching orphans are adopted and
 * children that match no longer are released (upstream: ControllerRefManager).
 */
export async function claimChildren(claim: Claim): Promise<KubeObject[]> {
  const { owner, children, selector, accepts = () => true } = claim;
  const uid = owner.metadata.uid ?? '';
  const claimed: KubeObject[] = [];
  for (const child of children.byIndex('ownerUid', uid)) {
    if (controllerOf(child)?.uid !== uid) continue;
    if (selector.matches(child.metadata.labels) && accepts(child)) claimed.push(child);
    else if (!owner.metadata.deletionTimestamp) await release(claim, child);
  }
  if (owner.metadata.deletionTimestamp || selector.empty) return claimed;

  const orphans = children
    .byIndex(orphanIndex, owner.metadata.namespace ?? '')
    .filter((child) => !child.metadata.deletionTimestamp && selector.matches(child.metadata.labels) && accepts(child));
  if (orphans.length === 0 || !(await mayAdopt(claim))) return claimed;
  for (const orphan of orphans) {
    const adopted = await adopt(claim, orphan);
    if (adopted) claimed.push(adopted);
  }
  return claimed;
}

/** The cache may not know yet that the owner is being deleted: what it adopts then would be lost with it. */
async function mayAdopt({ client, owner, ownerResource }: Claim): Promise<boolean> {
  const live = await client.find(ownerResource, owner.metadata);
  return live?.metadata.uid === owner.metadata.uid && !live?.metadata.deletionTimestamp;
}

function adopt(claim: Claim, orphan: KubeObject): Promise<KubeObject | undefined> {
  const { ownerReferences = [], finalizers = [] } = orphan.metadata;
  const { finalizer } = claim;
  const held = finalizer && !finalizers.includes(finalizer) ? { finalizers: [...finalizers, finalizer] } : {};
  return patchMetadata(claim, orphan, {
    ownerReferences: [...ownerReferences, ownerReferenceTo(claim.owner)],
    ...held,
  });
}

async function release(claim: Claim, child: KubeObject): Promise<void> {
  const { ownerReferences = [], finalizers = [] } = child.metadata;
  const { finalizer, owner } = claim;
  const others = ownerReferences.filter(({ uid }) => uid !== owner.metadata.uid);
  const free =
    finalizer && finalizers.includes(finalizer) ? { finalizers: finalizers.filter((name) => name !== finalizer) } : {};
  await patchMetadata(claim, child, { ownerReferences: others, ...free });
}

/** undefined if the child has gone meanwhile. The revision makes the write fail if someone else was quicker. */
async function patchMetadata(
  { client, children }: Claim,
  child: KubeObject,
  changed: Partial<ObjectMeta>,
): Promise<KubeObject | undefined> {
  const { uid, resourceVersion } = child.metadata;
  const patch = { metadata: { uid, resourceVersion, ...changed } };
  try {
    return await client.patch(children.resource, child.metadata, 'merge', patch);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
