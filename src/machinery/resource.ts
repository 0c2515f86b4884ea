import { apiVersionOf } from './object.ts';

/** What identifies a resource on the wire, and what is needed to build its paths. */
export interface Resource {
  group: string;
  version: string;
  /** Plural, lower case: 'deployments'. */
  resource: string;
  kind: string;
  namespaced: boolean;
}

export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** Everything discovery says about a resource. */
export interface ResourceInfo extends Resource {
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly Verb[];
  subresources: readonly SubresourceInfo[];
}

export interface SubresourceInfo {
  /** 'status', 'scale', 'log', … */
  name: string;
  /** The kind that the subresource speaks when it is not the resource's own: 'autoscaling/v1' 'Scale'. */
  group?: string;
  version?: string;
  kind?: string;
  verbs: readonly Verb[];
}

/** The apiVersion of a resource's objects: 'apps/v1'. */
export function apiVersionOfResource(resource: Resource): string {
  return apiVersionOf(resource.group, resource.version);
}

/** 'deployments.apps', or 'pods' in the core group: the name kubectl and error messages use. */
export function groupResource(resource: Pick<Resource, 'group' | 'resource'>): string {
  return resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`;
}

/**
 * The URL path of a collection, an object or a subresource.
 * @param at namespace and name select how deep the path goes; a cluster-wide list of a namespaced resource has no namespace.
 */
export function resourcePath(
  resource: Resource,
  at: { namespace?: string; name?: string; subresource?: string } = {},
): string {
  const parts = resource.group === '' ? ['/api', resource.version] : ['/apis', resource.group, resource.version];
  if (resource.namespaced && at.namespace) parts.push('namespaces', encodeURIComponent(at.namespace));
  parts.push(resource.resource);
  if (at.name) parts.push(encodeURIComponent(at.name));
  if (at.subresource) parts.push(at.subresource);
  return parts.join('/');
}
