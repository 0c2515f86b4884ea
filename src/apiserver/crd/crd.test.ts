import { describe, expect, it } from 'vitest';
import type { KubeObject, Schema } from '../../machinery/index.ts';
import { pruneUnknown, validateSchema } from '../../machinery/index.ts';
import { crdStrategy, type DefinitionNames, establishedStatus, servedResources } from './index.ts';

const now = '2024-05-01T10:00:00Z';

function widget(
  change: (spec: Record<string, unknown>, version: Record<string, unknown>) => void = () => {},
): KubeObject {
  const version: Record<string, unknown> = {
    name: 'v1',
    served: true,
    storage: true,
    schema: {
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { size: { type: 'integer', default: 1 } } } },
      },
    },
  };
  const spec: Record<string, unknown> = {
    group: 'acme.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'] },
    versions: [version],
  };
  change(spec, version);
  const crd: KubeObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.acme.dev' },
    spec,
  };
  crdStrategy.applyDefaults?.(crd);
  return crd;
}

const established = (crd: KubeObject): KubeObject => ({ ...crd, status: establishedStatus(crd, [], now) });

const errorsOf = (crd: KubeObject, old?: KubeObject) =>
  (crdStrategy.validate?.(crd, old) ?? []).map((cause) => `${cause.field}: ${cause.message}`);

const withSchema = (schema: Schema) =>
  widget((_spec, version) => {
    version['schema'] = { openAPIV3Schema: schema };
  });

describe('crdStrategy', () => {
  it('fills in names, conversion and stored versions', () => {
    const crd = widget();
    expect(errorsOf(crd)).toEqual([]);
    expect(crd.spec).toMatchObject({
      names: { singular: 'widget', listKind: 'WidgetList' },
      conversion: { strategy: 'None' },
    });
    expect(crd.status).toEqual({ storedVersions: ['v1'] });
  });

  it('keeps the groups of the Kubernetes community for what was approved there', () => {
    const crd = widget((spec) => {
      spec['group'] = 'widgets.k8s.io';
    });
    crd.metadata.name = 'widgets.widgets.k8s.io';
    expect(errorsOf(crd)).toEqual([expect.stringMatching(/^metadata.annotations\[api-approved.*: Required value: /)]);
    expect(errorsOf(crd, crd)).toEqual([]);
    for (const [annotation, count] of [
      ['https://github.com/kubernetes/enhancements/pull/1', 0],
      ['unapproved, an experiment', 0],
      ['because', 1],
    ] as const) {
      crd.metadata.annotations = { 'api-approved.kubernetes.io': annotation };
      expect(errorsOf(crd)).toHaveLength(count);
    }
  });

  it.each<[string, KubeObject, string]>([
    [
      'a name that is not plural.group',
      { ...widget(), metadata: { name: 'widget.acme.dev' } },
      'metadata.name: Invalid value: "widget.acme.dev": must be spec.names.plural+"."+spec.group',
    ],
    [
      'a group without a dot',
      widget((spec) => {
        spec['group'] = 'acme';
      }),
      'spec.group: Invalid value: "acme": should be a domain with at least one dot',
    ],
    [
      'an unknown scope',
      widget((spec) => {
        spec['scope'] = 'World';
      }),
      'spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"',
    ],
    [
      'a version without a schema',
      widget((_spec, version) => {
        delete version['schema'];
      }),
      'spec.versions[0].schema.openAPIV3Schema: Required value',
    ],
    [
      'a schema that is not structural',
      withSchema({ type: 'object', properties: { spec: {} } }),
      'spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields',
    ],
    [
      'a default that its schema refuses',
      withSchema({ type: 'object', properties: { size: { type: 'integer', default: 'big' } } }),
      'spec.validation.openAPIV3Schema.properties[size].default: Invalid value: "string": spec.validation.openAPIV3Schema.properties[size].default in body must be of type integer: "string"',
    ],
    [
      'a printer column of no known type',
      widget((_spec, version) => {
        version['additionalPrinterColumns'] = [{ name: 'Size', type: 'size', jsonPath: '.spec.size' }];
      }),
      'spec.additionalPrinterColumns[0].type: Invalid value: "size": must be one of boolean,date,integer,number,string',
    ],
    [
      'a rule that does not compile',
      withSchema({ type: 'object', properties: {}, 'x-kubernetes-validations': [{ rule: 'self.' }] }),
      expect.stringMatching(
        /x-kubernetes-validations\[0\]\.rule: Invalid value: .*compilation failed/,
      ) as unknown as string,
    ],
  ])('refuses %s', (_name, crd, expected) => {
    expect(errorsOf(crd)).toContainEqual(expected);
  });

  it('refuses two storage versions and a removed one that still holds data', () => {
    const two = widget((spec, version) => {
      spec['versions'] = [version, { ...version, name: 'v2' }];
    });
    expect(errorsOf(two)).toContainEqual(expect.stringContaining('must have exactly one version marked as storage'));
    const removed = { ...widget(), status: { storedVersions: ['v1alpha1', 'v1'] } };
    expect(errorsOf(removed)).toContainEqual(
      expect.stringContaining('status.storedVersions[0]: Invalid value: "v1alpha1"'),
    );
  });

  it('keeps scope and kind once established', () => {
    const cluster = widget((spec) => {
      spec['scope'] = 'Cluster';
    });
    expect(errorsOf(cluster, widget())).toEqual([]);
    expect(errorsOf(cluster, established(widget()))).toEqual([
      'spec.scope: Invalid value: "Cluster": field is immutable',
    ]);
  });

  it('refuses a schema that nests without end instead of running out of stack', () => {
    let schema: Schema = { type: 'string' };
    for (let i = 0; i < 5000; i++) schema = { type: 'object', properties: { a: schema } };
    expect(errorsOf(withSchema(schema))).toEqual([
      'spec.validation.openAPIV3Schema: Forbidden: must not nest deeper than 500 levels',
    ]);
  });

  it('warns of formats that nobody enforces', () => {
    const crd = withSchema({ type: 'object', properties: { a: { type: 'string', format: 'colour' } } });
    expect(crdStrategy.warnings?.(crd, undefined)).toEqual(['unrecognized format "colour"']);
  });
});

describe('establishedStatus', () => {
  it('accepts free names and is stable', () => {
    const crd = established(widget());
    expect(crd.status).toMatchObject({
      acceptedNames: {
        plural: 'widgets',
        singular: 'widget',
        kind: 'Widget',
        listKind: 'WidgetList',
        shortNames: ['wd'],
      },
      storedVersions: ['v1'],
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', lastTransitionTime: now },
        { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', lastTransitionTime: now },
      ],
    });
    expect(establishedStatus(crd, [], '2025-01-01T00:00:00Z')).toBe(crd.status);
  });

  it('does not give one name to two kinds of a group', () => {
    const other = widget((spec) => {
      spec['names'] = { plural: 'wonders', kind: 'Widget' };
    });
    const status = establishedStatus(
      other,
      [(established(widget()).status?.['acceptedNames'] ?? {}) as DefinitionNames],
      now,
    );
    expect(status['conditions']).toMatchObject([
      { type: 'NamesAccepted', status: 'False', reason: 'ListKindConflict', message: '"WidgetList" is already in use' },
      { type: 'Established', status: 'False', reason: 'NotAccepted' },
    ]);
    expect(servedResources({ ...other, status })).toEqual([]);
  });
});

describe('servedResources', () => {
  it('describes each served version', () => {
    const crd = established(
      widget((spec, version) => {
        version['subresources'] = {
          status: {},
          scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' },
        };
        const old = { ...version, name: 'v1beta1', storage: false, deprecated: true };
        spec['versions'] = [version, old, { ...version, name: 'v0', served: false, storage: false }];
      }),
    );
    const [v1, beta, ...more] = servedResources(crd);
    expect(more).toEqual([]);
    expect(v1).toMatchObject({
      group: 'acme.dev',
      version: 'v1',
      resource: 'widgets',
      kind: 'Widget',
      namespaced: true,
      storage: true,
      scale: { specReplicasPath: '.spec.size' },
    });
    expect(v1?.subresources.map(({ name }) => name)).toEqual(['status', 'scale']);
    expect(beta?.deprecationWarning).toBe('acme.dev/v1beta1 Widget is deprecated; use acme.dev/v1 Widget');
  });

  it('prints its columns, or the age', () => {
    const object: KubeObject = {
      apiVersion: 'acme.dev/v1',
      kind: 'Widget',
      metadata: { name: 'a', creationTimestamp: now },
      spec: { size: 3 },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    };
    const later = Date.parse(now) + 90_000;
    expect(servedResources(established(widget()))[0]?.printer.cells(object, later)).toEqual(['a', '90s']);
    const columns = [
      { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'None', type: 'string', jsonPath: '.status.none' },
    ];
    const crd = widget((_spec, version) => {
      version['additionalPrinterColumns'] = columns;
    });
    const printer = servedResources(established(crd))[0]?.printer;
    expect(printer?.columns.map(({ name }) => name)).toEqual(['Name', 'Size', 'Ready', 'None']);
    expect(printer?.cells(object, later)).toEqual(['a', 3, 'True', null]);
  });

  it('knows the metadata of objects, and prunes and checks it', () => {
    const schema = servedResources(established(widget()))[0]?.schema ?? {};
    const object = {
      apiVersion: 'acme.dev/v1',
      kind: 'Widget',
      metadata: { name: 'a', labels: { x: 'y' }, wrong: 1 },
      spec: { size: 'x', extra: 1 },
    };
    const pruned = pruneUnknown(object, schema);
    expect(pruned.removed).toEqual(['metadata.wrong', 'spec.extra']);
    expect(validateSchema(pruned.object, schema).map((cause) => cause.field)).toEqual(['spec.size']);
  });
});
