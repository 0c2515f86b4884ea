import type { Client, Informer } from '../client/index.ts';
import type { KubeObject, LabelSelector, OwnerReference, Resource } from '../machinery/index.ts';
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
  return setOwners(claim, orphan, [...(orphan.metadata.ownerReferences ?? []), ownerReferenceTo(claim.owner)]);
}

async function release(claim: Claim, child: KubeObject): Promise<void> {
  const others = child.metadata.ownerReferences?.filter(({ uid }) => uid !== claim.owner.metadata.uid);
  await setOwners(claim, child, others ?? []);
}

/** undefined if the child has gone meanwhile. The revision makes the write fail if someone else was quicker. */
async function setOwners(
  { client, children }: Claim,
  child: KubeObject,
  ownerReferences: OwnerReference[],
): Promise<KubeObject | undefined> {
  const { uid, resourceVersion } = child.metadata;
  const patch = { metadata: { uid, resourceVersion, ownerReferences } };
  try {
    return await client.patch(children.resource, child.metadata, 'merge', patch);
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
