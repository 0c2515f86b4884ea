import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Fields, KubeObject } from '../machinery/index.ts';
import { compileDefinition, type Definition } from './definition.ts';
import { traceField } from './provenance.ts';
import { render } from './template.ts';

const input = (name: string): KubeObject =>
  parse(readFileSync(new URL(`../../test/inputs/${name}`, import.meta.url), 'utf8'));

const instance: KubeObject = {
  apiVersion: 'kro.run/v1alpha1',
  kind: 'Application',
  metadata: { name: 'silly-demo', namespace: 'a-team', uid: 'u1' },
  spec: {
    name: 'silly-demo',
    image: 'ghcr.io/acme/silly-demo',
    tag: '1.4.305',
    port: 8080,
    replicas: 2,
    ingress: { enabled: false, host: 'x.localhost' },
    db: { enabled: false, size: '1Gi' },
  },
};

const nodeOf = (definition: Definition, id: string) => {
  const node = definition.nodes.get(id);
  if (!node) throw new Error(`no node ${id}`);
  return node;
};

const rendered = (definition: Definition, id: string, variables: Fields = { schema: instance }): KubeObject =>
  render(nodeOf(definition, id).template, variables) as KubeObject;

/** A definition of one resource, to break in one place. */
const definitionWith = (change: (spec: Fields & { schema: Fields; resources: Fields[] }) => void): KubeObject => {
  const spec = {
    schema: { apiVersion: 'v1', kind: 'Thing', spec: { name: 'string' } },
    resources: [{ id: 'settings', template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } } }],
  };
  change(spec);
  return { apiVersion: 'kro.run/v1alpha1', kind: 'ResourceGraphDefinition', metadata: { name: 'thing' }, spec };
};

describe('the full definition', () => {
  const definition = compileDefinition(input('resource-graph-full.yaml'));

  test('finds dependencies and order', () => {
    expect(definition.levels).toEqual([['deployment', 'service', 'postgresql'], ['ingress']]);
    expect([...nodeOf(definition, 'ingress').dependencies]).toEqual(['service']);
  });

  test('renders values of their own types, and leaves out what omit() gives', () => {
    const deployment = rendered(definition, 'deployment');
    expect(deployment.metadata).toEqual({ name: 'silly-demo', labels: { 'app.kubernetes.io/name': 'silly-demo' } });
    expect(deployment.spec).toMatchObject({
      replicas: 2,
      template: {
        spec: { containers: [{ image: 'ghcr.io/acme/silly-demo:1.4.305', ports: [{ containerPort: 8080 }] }] },
      },
    });
    expect(JSON.stringify(deployment)).not.toContain('DB_ENDPOINT');
  });

  test('a part of a resource appears when its condition does', () => {
    const spec = { ...instance.spec, db: { enabled: true, size: '1Gi' } };
    expect(rendered(definition, 'deployment', { schema: { ...instance, spec } }).spec).toMatchObject({
      template: { spec: { containers: [{ env: [{ name: 'DB_ENDPOINT' }, { name: 'DB_PORT' }] }] } },
    });
  });

  test('nested fields that are left out take their defaults', () => {
    const crd = definition.crd.spec as {
      versions: { schema: { openAPIV3Schema: { properties: { spec: Fields } } } }[];
    };
    expect(crd.versions[0]?.schema.openAPIV3Schema.properties.spec).toMatchObject({
      required: ['image', 'tag'],
      properties: {
        port: { type: 'integer', default: 8080, minimum: 1, maximum: 65535 },
        ingress: {
          default: {},
          properties: { enabled: { default: false }, host: { default: 'devopstoolkit.localhost' } },
        },
      },
    });
    expect(definition.crd.spec).toMatchObject({ names: { plural: 'applications', singular: 'application' } });
  });

  test("columns are the definition's, then State, Ready and Age", () => {
    const { versions } = definition.crd.spec as { versions: { additionalPrinterColumns: { name: string }[] }[] };
    const names = versions[0]?.additionalPrinterColumns.map((column) => column.name);
    expect(names).toEqual(['Image', 'Tag', 'Replicas', 'State', 'Ready', 'Age']);
  });
});

test('a ResourceGroup is read as its descendant', () => {
  const definition = compileDefinition(input('resource-group.yaml'));
  expect(definition.levels).toEqual([['deployment', 'service']]);
  expect(rendered(definition, 'service').spec).toMatchObject({ ports: [{ port: 8080, targetPort: 8080 }] });
});

describe('what is wrong is said with its place', () => {
  const problemsOf = (source: KubeObject): readonly string[] => {
    try {
      compileDefinition(source);
      return [];
    } catch (error) {
      return (error as { problems: string[] }).problems;
    }
  };

  test('an unknown name, with a suggestion', () => {
    const source = definitionWith((spec) => {
      spec.resources[0] = {
        id: 'settings',
        template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '${schem.spec.name}' } },
      };
    });
    expect(problemsOf(source)).toEqual([
      'spec.resources[0].template.metadata.name: unknown variable "schem" (did you mean "schema"?) at position 1 of "schem.spec.name"',
    ]);
  });

  test('a cycle', () => {
    const node = (id: string, other: string) => ({
      id,
      template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `\${${other}.metadata.name}` } },
    });
    const source = definitionWith((spec) => {
      spec.resources = [node('a', 'b'), node('b', 'c'), node('c', 'a')];
    });
    expect(problemsOf(source)).toEqual(['spec.resources: the resources depend on each other: a → b → c → a']);
  });

  test('types, markers, ids and everything else at once', () => {
    const source = definitionWith((spec) => {
      spec.schema['spec'] = { size: 'strng', port: 'integer | minimum=x', ok: 'string' };
      spec.resources.push(
        { id: 'settings' },
        { id: 'Bad' },
        { id: 'copies', forEach: [{ x: '${schema.spec.ok}' }], template: {} },
      );
    });
    expect(problemsOf(source)).toEqual([
      'spec.schema.spec.size: unknown type "strng": use one of string, integer, boolean, float, number, object, []T, map[string]T',
      'spec.schema.spec.port: marker "minimum" is a number, not "x"',
      'spec.resources[1].id: "settings" is used twice',
      'spec.resources[2].id: "Bad" is not lower camel case: letters and digits, beginning with a lower-case letter',
      'spec.resources[3].template.apiVersion: expected a literal string, found undefined',
      'spec.resources[3].template.kind: expected a literal string, found undefined',
      'spec.resources[3].template.metadata.name: is required',
    ]);
  });

  test('an id that expressions would take for something else', () => {
    for (const id of ['map', 'ip', 'schema', 'runtime']) {
      const source = definitionWith((spec) => {
        spec.resources[0] = { ...spec.resources[0], id };
      });
      expect(problemsOf(source)).toEqual([
        `spec.resources[0].id: "${id}" is reserved: it means something else in expressions`,
      ]);
    }
  });

  test('a template nested without end', () => {
    let nested: unknown = 'x';
    for (let depth = 0; depth < 500; depth++) nested = { a: nested };
    const source = definitionWith((spec) => {
      spec.resources[0] = {
        id: 'settings',
        template: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: nested },
      };
    });
    expect(problemsOf(source)[0]).toMatch(/nested more than 100 levels deep$/);
  });
});

describe('provenance', () => {
  const definition = compileDefinition(input('resource-graph-full.yaml'));
  const child = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'silly-demo' } };
  const trace = (id: string, path: string, span?: { start: number; end: number }) =>
    traceField(definition, nodeOf(definition, id), {
      owner: instance,
      child,
      path: path.split('.'),
      ...(span && { span }),
    });

  test('the part of a string leads to the field that gave it', () => {
    const image = 'ghcr.io/acme/silly-demo:1.4.305';
    const path = 'spec.template.spec.containers.0.image';
    expect(trace('deployment', path, { start: image.indexOf(':') + 1, end: image.length })).toEqual({
      fields: ['spec.tag'],
    });
    expect(trace('deployment', path, { start: 0, end: 10 })).toEqual({ fields: ['spec.image'] });
    expect(trace('deployment', path)).toEqual({ fields: ['spec.image', 'spec.tag'] });
  });

  test('a value that the definition fixes has no field', () => {
    expect(trace('deployment', 'spec.template.spec.containers.0.resources.limits.memory')).toEqual({ fields: [] });
    expect(trace('postgresql', 'spec.instances')).toEqual({ fields: [] });
  });

  test('a value from another resource is followed to the field behind it', () => {
    expect(trace('ingress', 'metadata.name')).toEqual({ fields: ['metadata.name'] });
  });

  test('a list that one expression gives leads to all that it reads', () => {
    expect(trace('deployment', 'spec.template.spec.containers.0.env.0.name')).toEqual({
      fields: ['spec.db.enabled', 'metadata.name'],
    });
  });

  test('a field that the template does not set is not traced', () => {
    expect(trace('deployment', 'spec.strategy.type')).toBeUndefined();
  });
});
