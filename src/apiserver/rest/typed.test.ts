import { expect, test } from 'vitest';
import { builtinSchema, type KubeObject } from '../../machinery/index.ts';
import { decodeTyped } from './typed.ts';

function decode(object: unknown): { object: KubeObject; unknown: string[] } {
  const given = object as KubeObject;
  const schema = builtinSchema(given.apiVersion, given.kind);
  if (!schema) throw new Error(`no schema of ${given.kind}`);
  return decodeTyped(given, schema);
}

test.each([
  [{ data: { size: 3 } }, 'number', 'ConfigMap.data', 'string'],
  [{ metadata: { name: 'a', labels: { on: true } } }, 'bool', 'ObjectMeta.metadata.labels', 'string'],
  [
    { metadata: { name: 'a', ownerReferences: [{ uid: 7 }] } },
    'number',
    'OwnerReference.metadata.ownerReferences.uid',
    'string',
  ],
])(
  'a value of the wrong type is named as Go names it, without keys and indexes: %j',
  (fields, found, field, wanted) => {
    expect(() => decode({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, ...fields })).toThrow(
      `ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal ${found} into Go struct field ${field} of type ${wanted}`,
    );
  },
);

test('an unknown field is named by its whole path', () => {
  const containers = [{ name: 'a' }, { name: 'b', env: [{ nam: 'X' }] }];
  const { unknown } = decode({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers } });
  expect(unknown).toEqual(['spec.containers[1].env[0].nam']);
});

test('empty fields are written or left out as Go does', () => {
  const spec = {
    containers: [{ name: 'a', env: [], command: [''], stdin: false, image: '' }],
    nodeSelector: {},
    volumes: [],
  };
  const { object } = decode({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', labels: {} }, spec });
  expect(object).toMatchObject({ metadata: { name: 'a' }, status: {} });
  expect(object.spec).toEqual({ containers: [{ name: 'a', command: [''], resources: {} }] });
  const conditions = [{ type: 'Ready', status: 'True' }];
  const bound = decode({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, status: { conditions } }).object;
  expect(bound.status).toEqual({
    conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: null }],
  });
});
