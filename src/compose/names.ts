import type { Resource } from '../machinery/index.ts';

/** The group that definitions live in, and instances unless the definition says otherwise. */
export const KRO_GROUP = 'kro.run';

/** Who owns the fields of composed resources (upstream's name). */
export const FIELD_MANAGER = 'kro.run/applyset';
/** Who owns the generated CRDs. */
export const DEFINITION_MANAGER = 'kro.run/definition';

export const FINALIZER = 'kro.run/finalizer';
/** On an instance: `suspended` stops reconciling it. */
export const RECONCILE_ANNOTATION = 'kro.run/reconcile';
/** On an instance: everything composed for it, in apply order; written before anything is created. */
export const INVENTORY_ANNOTATION = 'kro.run/inventory';
/** On a generated CRD: the spec of the definition that it was last generated from, as JSON. */
export const DEFINITION_ANNOTATION = 'kro.run/definition';

export const OWNED_LABEL = 'kro.run/owned';
export const NODE_LABEL = 'kro.run/node-id';
export const INSTANCE_ID_LABEL = 'kro.run/instance-id';
export const DEFINITION_ID_LABEL = 'kro.run/resource-graph-definition-id';
export const DEFINITION_NAME_LABEL = 'kro.run/resource-graph-definition-name';
export const DEFINITION_KIND_LABEL = 'kro.run/resource-graph-definition-kind';

export const definitions: Resource = {
  group: KRO_GROUP,
  version: 'v1alpha1',
  resource: 'resourcegraphdefinitions',
  kind: 'ResourceGraphDefinition',
  namespaced: false,
};

/** What definitions were called before kro v0.2. */
export const resourceGroups: Resource = {
  group: KRO_GROUP,
  version: 'v1alpha1',
  resource: 'resourcegroups',
  kind: 'ResourceGroup',
  namespaced: true,
};

/** Every kind of definition. */
export const definitionResources: readonly Resource[] = [definitions, resourceGroups];

export const customResourceDefinitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  resource: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** The plural of a kind, lower case, by the rules that Kubernetes code generators use: Proxy → proxies. */
export function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (/(s|x|z|ch|sh)$/.test(name)) return `${name}es`;
  if (/[^aeiou]y$/.test(name)) return `${name.slice(0, -1)}ies`;
  return `${name}s`;
}
