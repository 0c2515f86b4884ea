import {
  builtinSchemaByName,
  type KubeObject,
  markResourceRoot,
  type Schema,
  type SubresourceInfo,
  type Verb,
} from '../../machinery/index.ts';
import type { ServedResource, TablePrinter } from '../contracts.ts';
import { asDefinition, type CustomResourceDefinition, type DefinitionVersion } from './definition.ts';
import { deprecationWarning } from './deprecation.ts';
import { customPrinter } from './printer.ts';

/** A resource that a CRD serves, with what only custom resources have. */
export interface CustomResource extends ServedResource {
  readonly custom: true;
  /** True for the version that objects are stored in. */
  readonly storage: boolean;
  /** Field paths of the scale subresource, in dot notation with a leading dot. */
  readonly scale?: { specReplicasPath: string; statusReplicasPath: string; labelSelectorPath?: string };
  /** Simple paths without the leading dot that field selectors may name besides metadata: 'spec.color'. */
  readonly selectableFields: readonly string[];
  /** Changes whenever the CRD does. */
  readonly fingerprint: string;
  /** The text of the Warning header for every request of a deprecated version. */
  readonly deprecationWarning?: string;
}

const verbs: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'];
const subresourceVerbs: readonly Verb[] = ['get', 'patch', 'update'];

/**
 * One resource a served version; empty while the CRD is not established. Schemas and printers are made on first use.
 * @param again reads the CRD anew: nothing of the object itself is kept, so that a thousand of them need not lie in memory.
 */
export function servedResources(object: KubeObject, again: () => KubeObject = () => object): CustomResource[] {
  const crd = asDefinition(object);
  const established = crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True');
  if (!established) return [];
  return (crd.spec?.versions ?? [])
    .filter((version) => version.served)
    .map(({ name = '' }) => {
      const versionAgain = (): DefinitionVersion =>
        asDefinition(again()).spec?.versions?.find((version) => version.name === name) ?? {};
      return lazily(factsOf(crd, name), versionAgain);
    });
}

/** What a version is served as, but for what is big. */
type Facts = Omit<CustomResource, 'schema' | 'printer'>;

function lazily(facts: Facts, version: () => DefinitionVersion): CustomResource {
  let schema: Schema | undefined;
  let printer: TablePrinter | undefined;
  return Object.defineProperties(facts, {
    schema: {
      enumerable: true,
      get: () => {
        schema ??= markResourceRoot(objectSchema(version().schema?.openAPIV3Schema));
        return schema;
      },
    },
    printer: {
      enumerable: true,
      get: () => {
        printer ??= customPrinter(version().additionalPrinterColumns);
        return printer;
      },
    },
  }) as CustomResource;
}

function factsOf(crd: CustomResourceDefinition, name: string): Facts {
  const version = (crd.spec?.versions ?? []).find((each) => each.name === name) ?? {};
  const { group = '', scope } = crd.spec ?? {};
  const names = crd.status?.acceptedNames ?? {};
  const { status, scale } = version.subresources ?? {};
  const warning = deprecationWarning(crd, version);
  const subresources: SubresourceInfo[] = [];
  if (status) subresources.push({ name: 'status', verbs: subresourceVerbs });
  if (scale) {
    subresources.push({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: subresourceVerbs });
  }
  return {
    group,
    version: version.name ?? '',
    resource: names.plural ?? '',
    kind: names.kind ?? '',
    namespaced: scope === 'Namespaced',
    singular: names.singular ?? '',
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs,
    subresources,
    virtual: false,
    custom: true,
    storage: version.storage === true,
    selectableFields: (version.selectableFields ?? []).map((field) => (field.jsonPath ?? '').replace(/^\./, '')),
    ...(scale
      ? {
          scale: {
            specReplicasPath: scale.specReplicasPath ?? '',
            statusReplicasPath: scale.statusReplicasPath ?? '',
            ...(scale.labelSelectorPath ? { labelSelectorPath: scale.labelSelectorPath } : {}),
          },
        }
      : {}),
    ...(warning === undefined ? {} : { deprecationWarning: warning }),
    fingerprint: `${crd.metadata.uid}/${crd.metadata.generation}/${name}`,
  };
}

/** The schema of a whole object: what the CRD says, with the server's own apiVersion, kind and metadata. */
function objectSchema(root: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }): Schema {
  const metadata = builtinSchemaByName('meta.v1.ObjectMeta') ?? { type: 'object' };
  // A CRD may narrow the name and generateName, and nothing else of metadata.
  const narrowed = Object.entries(root.properties?.['metadata']?.properties ?? {});
  const names = narrowed.map(([name, rule]) => [name, { ...metadata.properties?.[name], ...rule }] as const);
  return {
    ...root,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      ...root.properties,
      metadata:
        names.length === 0
          ? metadata
          : { ...metadata, properties: { ...metadata.properties, ...Object.fromEntries(names) } },
    },
  };
}
