import type { PlatformContext } from '../client/index.ts';
import { ApiError, type KubeObject, type Resource } from '../machinery/index.ts';
import { crdNameOf, type Definition, nameOfDefinition } from './definition.ts';
import { createKindResolver, kindsOfCrd, resourceOfCrd } from './kinds.ts';
import { customResourceDefinitions, OWNED_LABEL } from './names.ts';
import { provenanceOf } from './provenance.ts';
import { createServedKind, type ServedKind } from './served-kind.ts';

/** Every generated kind that is served, by the name of its CRD. */
export interface Catalog {
  get(crdName: string): ServedKind | undefined;
  /** The served kind of a resource, made on first use. */
  ensure(resource: Resource): ServedKind;
  /** Stops serving a kind that is no longer installed. */
  drop(crdName: string): Promise<void>;
  /** The kind that a definition is served as, if any. */
  servedBy(source: KubeObject): ServedKind | undefined;
  /** Definitions that compose a kind which was not installed when last asked, or that generate this CRD. */
  definitionsConcernedBy(crd: KubeObject): KubeObject[];
  stop(): Promise<void>;
}

/** The definition, under either name, that generates a CRD now; undefined if there is none (any more). */
export type ClaimantFinder = (crdName: string) => KubeObject | undefined;

export function createCatalog(context: PlatformContext, claimantOf: ClaimantFinder): Catalog {
  const kinds = new Map<string, ServedKind>();
  const resolveKind = createKindResolver(context);
  const provenance = provenanceOf(async (instance) => definitionOf(instance));

  function definitionOf(instance: KubeObject): Definition | undefined {
    for (const kind of kinds.values()) {
      const { resource } = kind.definition ?? {};
      if (resource?.kind === instance.kind && instance.apiVersion === `${resource.group}/${resource.version}`) {
        return kind.definition;
      }
    }
    return undefined;
  }

  return {
    get: (crdName) => kinds.get(crdName),
    ensure(resource) {
      const name = crdNameOf(resource);
      let kind = kinds.get(name);
      if (!kind) {
        kind = createServedKind({
          context,
          resource,
          provenance,
          resolveKind,
          onEmpty: () => removeCrd(context, name, claimantOf),
        });
        kinds.set(name, kind);
      }
      return kind;
    },
    async drop(crdName) {
      const kind = kinds.get(crdName);
      kinds.delete(crdName);
      if (!kind) return;
      await kind.stop();
      context.informers.release(kind.resource);
    },
    servedBy(source) {
      const name = nameOfDefinition(source);
      return [...kinds.values()].find((kind) => kind.definition && nameOfDefinition(kind.definition.source) === name);
    },
    definitionsConcernedBy(crd) {
      const composed = kindsOfCrd(crd);
      const concerned = [...kinds.values()].filter((kind) => composed.some((key) => kind.missing.has(key)));
      return concerned.flatMap((kind) => (kind.definition ? [kind.definition.source] : []));
    },
    async stop() {
      await Promise.all([...kinds.values()].map((kind) => kind.stop()));
    },
  };
}

/** Deletes a generated CRD that has neither definition nor instances: nothing is lost with it. */
async function removeCrd({ client, log }: PlatformContext, name: string, claimantOf: ClaimantFinder): Promise<void> {
  const crd = await client.find(customResourceDefinitions, { name });
  if (crd?.metadata.labels?.[OWNED_LABEL] !== 'true' || claimantOf(name)) return;
  const resource = resourceOfCrd(crd);
  const { items } = await client.list(resource, { limit: 1 });
  if (items.length > 0) return;
  const { uid = '', resourceVersion = '' } = crd.metadata;
  try {
    await client.delete(customResourceDefinitions, { name }, { uid, resourceVersion });
    log.info({ crd: name }, `removed ${name}: its definition is gone and it has no instances`);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error;
  }
}
