import type { Condition, KubeObject, Resource } from '../../machinery/index.ts';

type DefinitionSpec = {
  group: string;
  scope: string;
  names: { plural: string; kind: string };
  versions: { name: string; served: boolean; storage: boolean }[];
};

/** The resource that a CustomResourceDefinition serves, in its stored version if that is served; undefined until it is established. */
export function servedResource(definition: KubeObject): Resource | undefined {
  const { spec, status } = definition as KubeObject<DefinitionSpec, { conditions?: Condition[] }>;
  const established = status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True');
  const served = spec?.versions.filter((version) => version.served) ?? [];
  const version = served.find(({ storage }) => storage) ?? served[0];
  if (!spec || !established || !version) return undefined;
  const { group, names, scope } = spec;
  return { group, version: version.name, resource: names.plural, kind: names.kind, namespaced: scope === 'Namespaced' };
}
