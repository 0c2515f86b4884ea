import type { GroupResource } from '../contracts.ts';

/** The prefix of a resource's records: 'apps/deployments/'. */
export function resourcePrefix(resource: GroupResource): string {
  return `${resource.group || 'core'}/${resource.resource}/`;
}

/** The path of an object's records: 'apps/deployments/a-team/web', 'core/nodes//homeport'. */
export function objectPath(resource: GroupResource, key: { namespace: string; name: string }): string {
  return `${resourcePrefix(resource)}${key.namespace}/${key.name}`;
}

/** The key in a path that objectPath made. */
export function keyOfPath(path: string): { namespace: string; name: string } {
  const [, , namespace = '', name = ''] = path.split('/');
  return { namespace, name };
}
