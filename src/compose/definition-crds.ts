import type { Fields, KubeObject, Resource, Schema } from '../machinery/index.ts';
import { conditionsSchema } from './instance-crd.ts';
import { definitions, KRO_GROUP, resourceGroups } from './names.ts';

const text = (description: string, more: Schema = {}): Schema => ({ type: 'string', description, ...more });
const open: Schema = { 'x-kubernetes-preserve-unknown-fields': true };
const anyObject = (description: string): Schema => ({ type: 'object', description, ...open });
const immutable = (field: string) => ({
  'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: `${field} is immutable` }],
});
const names = (description: string): Schema => ({
  type: 'array',
  description,
  maxItems: 32,
  'x-kubernetes-list-type': 'set',
  items: { type: 'string', maxLength: 63, pattern: '^[a-z]([-a-z0-9]*[a-z0-9])?$' },
});
const texts = (description: string): Schema => ({ type: 'array', description, items: { type: 'string' } });
const textMap: Schema = { type: 'object', additionalProperties: { type: 'string' } };

const column: Schema = {
  type: 'object',
  required: ['jsonPath', 'name', 'type'],
  properties: {
    name: text('The heading of the column.'),
    type: text('An OpenAPI type: integer, number, string, boolean or date.'),
    format: text('An OpenAPI format.'),
    description: text('What the column shows.'),
    jsonPath: text('Where the value is in an instance.'),
    priority: { type: 'integer', format: 'int32', description: 'Above 0 it is shown only with -o wide.' },
  },
};

const instanceSchema: Schema = {
  type: 'object',
  description: 'The API of the instances.',
  required: ['kind', 'apiVersion'],
  properties: {
    kind: text('The kind of the instances.', { pattern: '^[A-Z][a-zA-Z0-9]{0,62}$', ...immutable('kind') }),
    apiVersion: text('Their version.', { pattern: '^v[0-9]+(alpha[0-9]+|beta[0-9]+)?$', ...immutable('apiVersion') }),
    group: text('Their API group.', { default: KRO_GROUP, ...immutable('group') }),
    scope: text('Whether instances live in namespaces.', {
      enum: ['Namespaced', 'Cluster'],
      default: 'Namespaced',
      ...immutable('scope'),
    }),
    spec: anyObject('The fields of an instance, in SimpleSchema.'),
    types: anyObject('Types that spec uses, by name, in SimpleSchema.'),
    status: anyObject('The status fields of an instance: expressions over what it composes.'),
    additionalPrinterColumns: { type: 'array', description: 'More columns for kubectl get.', items: column },
    shortNames: names('Short names of the kind.'),
    categories: names('Categories the kind belongs to.'),
    metadata: {
      type: 'object',
      description: 'Metadata of the generated CRD.',
      properties: { labels: textMap, annotations: textMap },
    },
  },
};

const resourceSchema: Schema = {
  type: 'object',
  required: ['id'],
  'x-kubernetes-validations': [
    {
      rule: '(has(self.template) && !has(self.externalRef)) || (!has(self.template) && has(self.externalRef))',
      message: 'exactly one of template or externalRef must be provided',
    },
  ],
  properties: {
    id: text('What expressions call the resource.'),
    template: anyObject('The manifest, with ${…} expressions in its strings.'),
    externalRef: {
      type: 'object',
      description: 'An object that exists already.',
      required: ['apiVersion', 'kind', 'metadata'],
      properties: {
        apiVersion: text('Its API version.'),
        kind: text('Its kind.'),
        metadata: {
          type: 'object',
          properties: { name: text('Its name.'), namespace: text('Its namespace.'), selector: open },
        },
      },
    },
    readyWhen: texts('Expressions that are all true when the resource is ready.'),
    includeWhen: texts('Expressions that are all true when the resource is part of an instance.'),
    forEach: {
      type: 'array',
      description: 'Lists over which the resource is repeated.',
      items: { type: 'object', minProperties: 1, maxProperties: 1, additionalProperties: { type: 'string' } },
    },
    externalFields: open,
    deletionPolicy: text('What becomes of the resource when the instance is deleted.'),
  },
};

const statusSchema: Schema = {
  type: 'object',
  properties: {
    state: text('Active or Inactive.'),
    topologicalOrder: texts('The order in which resources are applied.'),
    conditions: conditionsSchema,
    resources: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          id: text('The resource.'),
          dependencies: {
            type: 'array',
            description: 'What it depends on.',
            items: { type: 'object', properties: { id: text('The resource depended on.') } },
          },
        },
      },
    },
  },
};

const columns: Fields[] = [
  { name: 'APIVERSION', type: 'string', jsonPath: '.spec.schema.apiVersion' },
  { name: 'KIND', type: 'string', jsonPath: '.spec.schema.kind' },
  { name: 'STATE', type: 'string', jsonPath: '.status.state' },
  { name: 'READY', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'TOPOLOGICALORDER', type: 'string', priority: 1, jsonPath: '.status.topologicalOrder' },
  { name: 'AGE', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The CRDs of ResourceGraphDefinition and of ResourceGroup, which is the same under its old name. */
export const definitionCrds: readonly KubeObject[] = [crd(definitions, 'rgd'), crd(resourceGroups, 'rg')];

function crd(resource: Resource, shortName: string): KubeObject {
  const { group, version, resource: plural, kind, namespaced } = resource;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames: [shortName] },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'Turns a graph of resources into one API.',
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: {
                  type: 'object',
                  required: ['schema'],
                  properties: {
                    schema: instanceSchema,
                    resources: {
                      type: 'array',
                      description: 'What an instance is composed of.',
                      items: resourceSchema,
                    },
                  },
                },
                status: statusSchema,
              },
            },
          },
        },
      ],
    },
  };
}
