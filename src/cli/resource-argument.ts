import type { KubeObject, Resource } from '../machinery/index.ts';
import type { Connection } from './connection.ts';

interface DiscoveredResource extends Resource {
  /** Every word by which it may be called, lower case: plural, singular, kind, short names. */
  words: ReadonlySet<string>;
}

interface ResourceList {
  groupVersion: string;
  resources?: {
    name: string;
    singularName?: string;
    kind: string;
    namespaced: boolean;
    shortNames?: string[];
    verbs: string[];
  }[];
}

interface GroupList {
  groups?: { preferredVersion: { groupVersion: string } }[];
}

/** Every resource that can be listed, in the preferred version of each group. */
export async function listResources({ transport }: Connection): Promise<DiscoveredResource[]> {
  const groups = (await transport.request({ method: 'GET', path: '/apis' })) as GroupList;
  const paths = ['/api/v1', ...(groups.groups ?? []).map((group) => `/apis/${group.preferredVersion.groupVersion}`)];
  const lists = await Promise.all(
    paths.map((path) => transport.request({ method: 'GET', path }) as Promise<ResourceList>),
  );
  return lists.flatMap((list) => discovered(list));
}

function discovered(list: ResourceList): DiscoveredResource[] {
  const [version = '', group = ''] = list.groupVersion.split('/').reverse();
  return (list.resources ?? [])
    .filter(({ name, verbs }) => !name.includes('/') && verbs.includes('list'))
    .map(({ name, singularName, kind, namespaced, shortNames = [] }) => ({
      group,
      version,
      resource: name,
      kind,
      namespaced,
      words: new Set([name, singularName ?? '', kind, ...shortNames].map((word) => word.toLowerCase())),
    }));
}

/**
 * The resource that a word names, as kubectl reads it: 'deploy', 'deployments.apps', 'Application', 'applications.kro.run'.
 * @throws Error that names near words when nothing fits
 */
export function findResource(resources: readonly DiscoveredResource[], word: string): Resource {
  const [name = '', ...group] = word.toLowerCase().split('.');
  const found = resources.find(
    (resource) => resource.words.has(name) && (group.length === 0 || resource.group === group.join('.')),
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
