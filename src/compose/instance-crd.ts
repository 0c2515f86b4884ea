import type { Fields, KubeObject, Resource, Schema } from '../machinery/index.ts';
import {
  DEFINITION_ANNOTATION,
  DEFINITION_ID_LABEL,
  DEFINITION_KIND_LABEL,
  DEFINITION_NAME_LABEL,
  OWNED_LABEL,
} from './names.ts';
import type { PrinterColumn } from './simple-schema.ts';
import type { Template } from './template.ts';

export interface CrdInput {
  source: KubeObject;
  /** The definition's spec.schema. */
  schema: Fields;
  resource: Resource;
  /** The structural schema of an instance's spec. */
  spec: Schema;
  /** Columns of fields of the spec. */
  columns: readonly PrinterColumn[];
  /** The templates of an instance's own status fields. */
  status: ReadonlyMap<string, Template>;
}

const text: Schema = { type: 'string' };
const open: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

/** The condition list of Kubernetes, one entry a type. Other fields in it are kept: users' conditions come from anywhere. */
export const conditionsSchema: Schema = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
  items: {
    type: 'object',
    required: ['type', 'status'],
    properties: {
      type: text,
      status: text,
      reason: text,
      message: text,
      lastTransitionTime: { type: 'string' },
      observedGeneration: { type: 'integer', format: 'int64' },
    },
    ...open,
  },
};

/** The CustomResourceDefinition that serves the instances of a definition. */
export function instanceCrd(input: CrdInput): KubeObject {
  const { resource, schema, source } = input;
  const { group, version, resource: plural, kind, namespaced } = resource;
  const metadata = (schema['metadata'] ?? {}) as {
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  const name = `${plural}.${group}`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name,
      labels: { ...metadata.labels, ...ownerLabels(source) },
      annotations: { ...metadata.annotations, ...definitionAnnotation(source) },
    },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        ...(schema['shortNames'] ? { shortNames: schema['shortNames'] } : {}),
        ...(schema['categories'] ? { categories: schema['categories'] } : {}),
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: instanceSchema(input) },
          additionalPrinterColumns: columnsOf(input),
        },
      ],
    },
  };
}

/** Annotations of an object may have 256 KiB in all; a definition that does not fit is not remembered. */
const MAX_ANNOTATION = 200_000;

function definitionAnnotation(source: KubeObject): Record<string, string> {
  const text = JSON.stringify(source.spec);
  return Buffer.byteLength(text) > MAX_ANNOTATION ? {} : { [DEFINITION_ANNOTATION]: text };
}

/** The labels by which a generated CRD is known as a definition's. */
function ownerLabels(source: KubeObject): Record<string, string> {
  return {
    [OWNED_LABEL]: 'true',
    [DEFINITION_ID_LABEL]: source.metadata.uid ?? '',
    [DEFINITION_NAME_LABEL]: source.metadata.name,
    [DEFINITION_KIND_LABEL]: source.kind,
  };
}

function instanceSchema({ spec, status }: CrdInput): Schema {
  const properties: Record<string, Schema> = {};
  for (const [name, template] of status) properties[name] = statusSchema(template);
  const validations = spec['x-kubernetes-validations'];
  return {
    type: 'object',
    // An instance of only defaults needs no spec at all.
    properties: {
      apiVersion: text,
      kind: text,
      metadata: { type: 'object' },
      spec: { ...spec, ...(validations ? { 'x-kubernetes-validations': validations } : {}) },
      status: { type: 'object', ...open, properties: { ...properties, state: text, conditions: conditionsSchema } },
    },
  };
}

/** What can be said about the values of a status field. */
function statusSchema(template: Template): Schema {
  switch (template.kind) {
    case 'text':
      return text;
    case 'object':
      return { type: 'object', ...open };
    default:
      return open;
  }
}

const ownColumns: Fields[] = [
  { name: 'State', type: 'string', description: 'The state of the instance', jsonPath: '.status.state' },
  {
    name: 'Ready',
    type: 'string',
    description: 'Whether everything composed is ready',
    jsonPath: '.status.conditions[?(@.type=="Ready")].status',
  },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The definition's columns, then State, Ready and Age unless it has columns of these names itself. */
function columnsOf({ schema, columns }: CrdInput): Fields[] {
  const added = [
    ...columns.map((column) => ({ ...column })),
    ...((schema['additionalPrinterColumns'] ?? []) as Fields[]),
  ];
  const taken = new Set(added.map((column) => String(column['name']).toLowerCase()));
  return [...added, ...ownColumns.filter((column) => !taken.has(String(column['name']).toLowerCase()))];
}
