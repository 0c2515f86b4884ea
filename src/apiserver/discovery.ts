import { createHash } from 'node:crypto';
import type { SubresourceInfo } from '../machinery/index.ts';
import type { ServedResource } from './contracts.ts';
import { admits, documentOf, mediaRanges, type ServedDocument } from './documents.ts';

/** The Kubernetes version whose API this server speaks. */
export const kubernetesVersion = { major: '1', minor: '34', gitVersion: 'v1.34.2+homeport' } as const;

/** Answers the discovery paths: /api, /apis, /apis/GROUP, /api/v1, /apis/GROUP/VERSION and /version. */
export interface Discovery {
  /** Takes the resources that are served from now on. Only groups that changed are built again. */
  update(resources: readonly ServedResource[]): void;
  /** The document at a path, or undefined when the path is not a discovery path or the group is not served. */
  reply(path: string, accept: string | undefined): ServedDocument | undefined;
}

interface Group {
  readonly name: string;
  readonly resources: readonly ServedResource[];
  /** Preferred first. */
  readonly versions: readonly string[];
  /** JSON of the APIGroup without kind and apiVersion. */
  readonly summary: string;
  /** JSON of the APIGroupDiscovery. */
  readonly aggregated: string;
}

type Form = 'plain' | 'v2' | 'v2beta1';

/** Groups in the order in which kube-apiserver lists its own; others follow by name. */
const GROUP_ORDER = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

/**
 * Discovery over a changing set of resources, plain and aggregated (KEP-3352).
 * @param serverAddress host and port that /api names to clients.
 */
export function createDiscovery(serverAddress: string): Discovery {
  let groups = new Map<string, Group>();
  let replies = new Map<string, ServedDocument | undefined>();
  return {
    update(resources) {
      groups = groupsOf(resources, groups);
      replies = new Map();
    },
    reply(path, accept) {
      const form = path === '/api' || path === '/apis' ? formOf(accept) : 'plain';
      const key = `${form} ${path}`;
      const known = replies.get(key);
      if (known) return known;
      const document = buildReply(path, form, groups, serverAddress);
      if (document) replies.set(key, document);
      return document;
    },
  };
}

function buildReply(
  path: string,
  form: Form,
  groups: ReadonlyMap<string, Group>,
  serverAddress: string,
): ServedDocument | undefined {
  if (path === '/version') return json(JSON.stringify(versionInfo()));
  if (path === '/api' || path === '/apis') {
    const listed = [...groups.values()].filter((group) => (group.name === '') === (path === '/api'));
    if (form !== 'plain') return aggregatedList(form, listed);
    return path === '/api' ? json(JSON.stringify(coreVersions(serverAddress))) : json(groupList(listed));
  }
  const [, root, first, second, ...rest] = path.split('/');
  if (rest.length > 0 || first === undefined) return undefined;
  if (root === 'api' && second === undefined) return resourceListOf(groups.get(''), first);
  if (root !== 'apis') return undefined;
  const group = groups.get(first);
  if (second !== undefined) return resourceListOf(group, second);
  return group ? json(`{"kind":"APIGroup","apiVersion":"v1",${group.summary.slice(1)}`) : undefined;
}

/** Which form a client asks for on /api and /apis. */
function formOf(accept: string | undefined): Form {
  for (const range of mediaRanges(accept)) {
    if (!admits(range, 'application/json')) continue;
    if (range.parameters.get('g') !== 'apidiscovery.k8s.io') {
      if (!range.parameters.has('as')) return 'plain';
      continue;
    }
    const version = range.parameters.get('v');
    if (version === 'v2' || version === 'v2beta1') return version;
  }
  return 'plain';
}

function groupsOf(resources: readonly ServedResource[], known: ReadonlyMap<string, Group>): Map<string, Group> {
  const byGroup = Map.groupBy(resources, (resource) => resource.group);
  const names = [...byGroup.keys()].sort((a, b) => groupRank(a) - groupRank(b) || (a < b ? -1 : 1));
  return new Map(
    names.map((name): [string, Group] => {
      const own = byGroup.get(name) ?? [];
      const before = known.get(name);
      return [name, before && sameElements(before.resources, own) ? before : buildGroup(name, own)];
    }),
  );
}

function groupRank(name: string): number {
  const index = GROUP_ORDER.indexOf(name);
  return index < 0 ? GROUP_ORDER.length : index;
}

function sameElements<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((element, index) => element === b[index]);
}

function buildGroup(name: string, resources: readonly ServedResource[]): Group {
  const versions = [...new Set(resources.map((resource) => resource.version))].sort(compareVersions);
  const discovered = versions.map((version) => ({ groupVersion: groupVersion(name, version), version }));
  const aggregated = {
    metadata: name === '' ? {} : { name },
    versions: versions.map((version) => ({
      version,
      resources: ofVersion(resources, version).map(aggregatedResource),
      freshness: 'Current',
    })),
  };
  return {
    name,
    resources,
    versions,
    summary: JSON.stringify({ name, versions: discovered, preferredVersion: discovered[0] }),
    aggregated: JSON.stringify(aggregated),
  };
}

/**
 * Orders versions as Kubernetes prefers them: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name
 * (apimachinery version.CompareKubeAwareVersionStrings).
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionRank(a), versionRank(b)];
  for (let index = 0; index < 3; index++) {
    const difference = (right[index] ?? 0) - (left[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a < b ? -1 : Number(a > b);
}

function versionRank(version: string): number[] {
  const match = /^v([1-9]\d{0,8})(?:(alpha|beta)([1-9]\d{0,8}))?$/.exec(version);
  if (!match) return [0, 0, 0];
  const [, major, stage, minor] = match;
  const stability = stage === undefined ? 3 : stage === 'beta' ? 2 : 1;
  return [stability, Number(major), Number(minor ?? 0)];
}

function groupVersion(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

function ofVersion(resources: readonly ServedResource[], version: string): ServedResource[] {
  const own = resources.filter((resource) => resource.version === version);
  return own.sort((a, b) => (a.resource < b.resource ? -1 : 1));
}

function aggregatedList(form: 'v2' | 'v2beta1', groups: readonly Group[]): ServedDocument {
  const items = groups.map((group) => group.aggregated).join(',');
  return documentOf(
    `application/json;g=apidiscovery.k8s.io;v=${form};as=APIGroupDiscoveryList`,
    `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/${form}","metadata":{},"items":[${items}]}`,
  );
}

function groupList(groups: readonly Group[]): string {
  return `{"kind":"APIGroupList","apiVersion":"v1","groups":[${groups.map((group) => group.summary).join(',')}]}`;
}

function coreVersions(serverAddress: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

function resourceListOf(group: Group | undefined, version: string): ServedDocument | undefined {
  if (!group?.versions.includes(version)) return undefined;
  const resources = ofVersion(group.resources, version).flatMap(plainResources);
  return json(
    JSON.stringify({
      kind: 'APIResourceList',
      // Upstream leaves it out of its oldest group.
      ...(group.name === '' ? {} : { apiVersion: 'v1' }),
      groupVersion: groupVersion(group.name, version),
      resources,
    }),
  );
}

/** The APIResources of a resource: its own and one for each subresource. */
function plainResources(resource: ServedResource): object[] {
  const { namespaced, shortNames, categories } = resource;
  return [
    {
      name: resource.resource,
      singularName: resource.singular,
      namespaced,
      kind: resource.kind,
      verbs: resource.verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
      ...(resource.verbs.includes('create') && resource.verbs.includes('get')
        ? { storageVersionHash: storageVersionHash(resource) }
        : {}),
    },
    ...resource.subresources.map((subresource) => ({
      name: `${resource.resource}/${subresource.name}`,
      singularName: '',
      namespaced,
      ...(subresource.group !== undefined ? { group: subresource.group } : {}),
      ...(subresource.version !== undefined ? { version: subresource.version } : {}),
      kind: subresource.kind ?? resource.kind,
      verbs: subresource.verbs,
    })),
  ];
}

/** Kinds that kube-apiserver 1.34 stores in another version than the one it prefers. */
const STORED_AS: ReadonlyMap<string, string> = new Map([
  ['admissionregistration.k8s.io MutatingAdmissionPolicy', 'admissionregistration.k8s.io/v1alpha1'],
  ['admissionregistration.k8s.io MutatingAdmissionPolicyBinding', 'admissionregistration.k8s.io/v1alpha1'],
  ['apiextensions.k8s.io CustomResourceDefinition', 'apiextensions.k8s.io/v1beta1'],
  ['autoscaling HorizontalPodAutoscaler', 'autoscaling/v2'],
  ['events.k8s.io Event', '/v1'],
  ['resource.k8s.io DeviceClass', 'resource.k8s.io/v1beta2'],
  ['resource.k8s.io ResourceClaim', 'resource.k8s.io/v1beta2'],
  ['resource.k8s.io ResourceClaimTemplate', 'resource.k8s.io/v1beta2'],
  ['resource.k8s.io ResourceSlice', 'resource.k8s.io/v1beta2'],
  ['storage.k8s.io VolumeAttributesClass', 'storage.k8s.io/v1beta1'],
]);

/** Changes with the version in which a resource is stored: by it clients know when to migrate what is stored. */
function storageVersionHash({ group, version, kind }: ServedResource): string {
  const stored = STORED_AS.get(`${group} ${kind}`) ?? `${group}/${version}`;
  return createHash('sha256').update(`${stored}/${kind}`).digest().subarray(0, 8).toString('base64');
}

function aggregatedResource(resource: ServedResource): object {
  const { shortNames, categories, subresources } = resource;
  const scope = resource.namespaced ? 'Namespaced' : 'Cluster';
  return {
    resource: resource.resource,
    responseKind: responseKind(resource),
    scope,
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: responseKind(resource, subresource),
            verbs: subresource.verbs,
          })),
        }
      : {}),
  };
}

/** Built-in resources name a group and version only where these are not their own. */
function responseKind(resource: ServedResource, subresource?: SubresourceInfo): object {
  const own = resource.custom ? resource : { group: '', version: '' };
  return {
    group: subresource?.group ?? own.group,
    version: subresource?.version ?? own.version,
    kind: subresource?.kind ?? resource.kind,
  };
}

function versionInfo(): object {
  const architecture = { x64: 'amd64', ia32: '386' }[process.arch as string] ?? process.arch;
  return {
    ...kubernetesVersion,
    emulationMajor: kubernetesVersion.major,
    emulationMinor: kubernetesVersion.minor,
    minCompatibilityMajor: kubernetesVersion.major,
    minCompatibilityMinor: '33',
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: `node ${process.versions.node}`,
    compiler: 'node',
    platform: `${process.platform}/${architecture}`,
  };
}

function json(text: string): ServedDocument {
  return documentOf('application/json', text);
}
