import type { Discovered } from '../../client/index.ts';
import { type Condition, timestamp } from '../../machinery/index.ts';
import type { Purge } from './content.ts';

type Statement = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** The conditions of a namespace that is being deleted, with the types, reasons and messages of upstream. */
export function deletionConditions(
  current: readonly Condition[],
  failures: Discovered['failures'],
  purge: Purge,
): Condition[] {
  const stated = [discovery(failures), parsing(), failed(purge), remaining(purge), finalizers(purge)];
  const others = current.filter(({ type }) => !stated.some((each) => each.type === type));
  return [...others, ...stated.map((each) => dated(each, current))];
}

function dated(stated: Statement, current: readonly Condition[]): Condition {
  const before = current.find(({ type }) => type === stated.type);
  const same = before?.status === stated.status && before.reason === stated.reason && before.message === stated.message;
  return same && before ? before : { ...stated, lastTransitionTime: timestamp() };
}

function discovery(failures: Discovered['failures']): Statement {
  const type = 'NamespaceDeletionDiscoveryFailure';
  if (failures.length === 0) {
    return { type, status: 'False', reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' };
  }
  const which = failures.map(({ groupVersion, error }) => `${groupVersion}: ${error.message}`).join(', ');
  const message = `Discovery failed for some groups, ${failures.length} failing: ${which}`;
  return { type, status: 'True', reason: 'DiscoveryFailed', message };
}

function parsing(): Statement {
  const message = 'All legacy kube types successfully parsed';
  return {
    type: 'NamespaceDeletionGroupVersionParsingFailure',
    status: 'False',
    reason: 'ParsedGroupVersions',
    message,
  };
}

function failed({ failures }: Purge): Statement {
  const type = 'NamespaceDeletionContentFailure';
  if (failures.length === 0) {
    const message = 'All content successfully deleted, may be waiting on finalization';
    return { type, status: 'False', reason: 'ContentDeleted', message };
  }
  const which = failures.map(({ resource, message }) => `${resource}: ${message}`).join(', ');
  const message = `Failed to delete all resource types, ${failures.length} remaining: ${which}`;
  return { type, status: 'True', reason: 'ContentDeletionFailed', message };
}

function remaining({ remaining: counts }: Purge): Statement {
  const type = 'NamespaceContentRemaining';
  if (counts.size === 0) {
    return { type, status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' };
  }
  const which = inOrder(counts).map(([resource, count]) => `${qualified(resource)} has ${count} resource instances`);
  return {
    type,
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${which.join(', ')}`,
  };
}

function finalizers({ finalizers: counts }: Purge): Statement {
  const type = 'NamespaceFinalizersRemaining';
  if (counts.size === 0) {
    const message = 'All content-preserving finalizers finished';
    return { type, status: 'False', reason: 'ContentHasNoFinalizers', message };
  }
  const which = inOrder(counts).map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  const message = `Some content in the namespace has finalizers remaining: ${which.join(', ')}`;
  return { type, status: 'True', reason: 'SomeFinalizersRemain', message };
}

/** Upstream writes 'pods.' for a resource of the core group. */
function qualified(resource: string): string {
  return resource.includes('.') ? resource : `${resource}.`;
}

function inOrder(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}
