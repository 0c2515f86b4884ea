import type { PlatformContext } from '../client/index.ts';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { conditionsIn } from './conditions.ts';
import { customResourceDefinitions } from './names.ts';

/** The resource that serves a kind; undefined while it is not installed. */
export type KindResolver = (apiVersion: string, kind: string) => Promise<Resource | undefined>;

interface CrdSpec {
  group: string;
  scope: string;
  names: { kind: string; plural: string };
  versions: { name: string; served?: boolean; storage?: boolean }[];
}

/** The key of a kind in maps: 'apps/v1/Deployment'. */
export function kindKey(of: { apiVersion: string; kind: string }): string {
  return `${of.apiVersion}/${of.kind}`;
}

/** The kinds that a CRD serves, or is going to: 'postgresql.cnpg.io/v1/Cluster'. */
export function kindsOfCrd(crd: KubeObject): string[] {
  const { group, names, versions } = crd.spec as unknown as CrdSpec;
  return versions.map((version) => `${group}/${version.name}/${names.kind}`);
}

/** The resource of a CRD in one version, by default the one that is stored. */
export function resourceOfCrd(crd: KubeObject, version?: string): Resource {
  const { group, scope, names, versions } = crd.spec as unknown as CrdSpec;
  const stored = versions.find((each) => each.storage)?.name ?? '';
  return {
    group,
    version: version ?? stored,
    resource: names.plural,
    kind: names.kind,
    namespaced: scope === 'Namespaced',
  };
}

export function isEstablished(crd: KubeObject): boolean {
  return conditionsIn(crd.status).some(({ type, status }) => type === 'Established' && status === 'True');
}

const KIND_INDEX = 'servedKind';

/** Finds custom kinds in the CRDs that are watched, the moment they are served, and all others through discovery. */
export function createKindResolver({ client, informers }: PlatformContext): KindResolver {
  const crds = informers.for(customResourceDefinitions);
  crds.addIndex(KIND_INDEX, kindsOfCrd);
  return async (apiVersion, kind) => {
    const [crd] = crds.byIndex(KIND_INDEX, kindKey({ apiVersion, kind }));
    if (!crd) return client.resourceFor(apiVersion, kind);
    return isEstablished(crd) ? resourceOfCrd(crd, apiVersion.slice(apiVersion.indexOf('/') + 1)) : undefined;
  };
}
