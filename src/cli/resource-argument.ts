import type { DiscoveredResource } from '../client/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import type { Connection } from './connection.ts';

/** Every resource that can be listed. */
export async function listResources({ client }: Connection): Promise<DiscoveredResource[]> {
  const { resources } = await client.discover();
  return resources.filter(({ verbs }) => verbs.includes('list'));
}

/**
 * The resource that a word names, as kubectl reads it: 'deploy', 'deployments.apps', 'Application', 'applications.kro.run'.
 * @throws Error that names near words when nothing fits
 */
export function findResource(resources: readonly DiscoveredResource[], word: string): Resource {
  const [name = '', ...group] = word.toLowerCase().split('.');
  const found = resources.find(
    (resource) =>
      [...resource.names, resource.kind.toLowerCase()].includes(name) &&
      (group.length === 0 || resource.group === group.join('.')),
  );
  if (found) return found;
  const near = resources
    .filter((resource) => resource.resource.startsWith(name.slice(0, 3)))
    .map(({ resource }) => resource);
  const hint =
    near.length > 0 ? `; did you mean ${near.join(' or ')}?` : '; "kubectl api-resources" lists what there is';
  throw new Error(`the server has no resource "${word}"${hint}`);
}

/** The object that 'KIND/NAME' (or 'KIND', 'NAME' as two words) names. Throws ApiError NotFound when it is not there. */
export async function readObject(
  connection: Connection,
  resources: readonly DiscoveredResource[],
  words: readonly string[],
): Promise<KubeObject> {
  const [kind, name, ...more] = words.flatMap((word) => word.split('/'));
  if (!kind || !name || more.length > 0) {
    throw new Error(`name one object as KIND/NAME, for instance deployment/silly-demo, not "${words.join(' ')}"`);
  }
  const resource = findResource(resources, kind);
  const namespace = resource.namespaced ? connection.namespace : undefined;
  return connection.client.get(resource, { name, ...(namespace ? { namespace } : {}) });
}
