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
  [{ data: [] }, 'array', 'ConfigMap.data', 'map[string]string'],
  [{ metadata: { finalizers: 'x' } }, 'string', 'ObjectMeta.metadata.finalizers', '[]string'],
  [{ metadata: { ownerReferences: {} } }, 'object', 'ObjectMeta.metadata.ownerReferences', '[]v1.OwnerReference'],
  [{ metadata: { ownerReferences: ['x'] } }, 'string', 'ObjectMeta.metadata.ownerReferences', 'v1.OwnerReference'],
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

const lease = (renewTime: unknown) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'a' },
  spec: { renewTime },
});
const event = (firstTimestamp: unknown) => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'a' },
  involvedObject: {},
  firstTimestamp,
});
const secret = (a: unknown) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { a } });
const quota = (pods: unknown) => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'a' },
  spec: { hard: { pods } },
});
const deployment = (spec: object) => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a' }, spec });
const rolling = (maxSurge: unknown) => deployment({ strategy: { rollingUpdate: { maxSurge } } });
const notAQuantity = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const micro = '"2006-01-02T15:04:05.000000Z07:00"';

// As kube-apiserver 1.34 says.
test.each([
  [lease('2026-01-01T00:00:00Z'), `parsing time "2026-01-01T00:00:00Z" as ${micro}: cannot parse "Z" as ".000000"`],
  [lease('x'), `parsing time "x" as ${micro}: cannot parse "x" as "2006"`],
  [lease(''), `parsing time "" as ${micro}: cannot parse "" as "2006"`],
  [lease(5), 'json: cannot unmarshal number into Go struct field LeaseSpec.spec.renewTime of type string'],
  [
    lease('2026-01-01T00:00:00.123Z'),
    `parsing time "2026-01-01T00:00:00.123Z" as ${micro}: cannot parse ".123Z" as ".000000"`,
  ],
  [
    lease('2026-01-01T00:00:00.1234567Z'),
    `parsing time "2026-01-01T00:00:00.1234567Z" as ${micro}: cannot parse "7Z" as "Z07:00"`,
  ],
  [
    lease('99999-01-01T00:00:00Z'),
    `parsing time "99999-01-01T00:00:00Z" as ${micro}: cannot parse "9-01-01T00:00:00Z" as "-"`,
  ],
  [event('2026-01-01'), 'parsing time "2026-01-01" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
  [event('0000-00-00T00:00:00Z'), 'parsing time "0000-00-00T00:00:00Z": month out of range'],
  [event('2026-02-29T00:00:00Z'), 'parsing time "2026-02-29T00:00:00Z": day out of range'],
  [secret('%%%'), 'illegal base64 data at input byte 0'],
  [secret('YQ'), 'illegal base64 data at input byte 0'],
  [secret('YQ==YQ=='), 'illegal base64 data at input byte 4'],
  [secret('Y Q='), 'illegal base64 data at input byte 1'],
  [secret(5), 'json: cannot unmarshal number into Go struct field Secret.data of type []uint8'],
  [quota('abc'), notAQuantity],
  [quota(''), notAQuantity],
  [quota(true), notAQuantity],
  [quota({}), notAQuantity],
  [quota('1ki'), "unable to parse quantity's suffix"],
  ...[2_147_483_648, -2_147_483_649, 1.5].map((replicas) => [
    deployment({ replicas }),
    `json: cannot unmarshal number ${replicas} into Go struct field DeploymentSpec.spec.replicas of type int32`,
  ]),
  [
    deployment({ replicas: '1' }),
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    rolling(1.5),
    'json: cannot unmarshal number 1.5 into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
  ],
  [
    rolling(true),
    'json: cannot unmarshal bool into Go struct field RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32',
  ],
] as [KubeObject, string][])('what stands for something else must be readable as that: %j', (object, why) => {
  const { apiVersion, kind } = object;
  const version = apiVersion.replace(/^.*\//, '');
  expect(() => decode(object)).toThrow(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
});

test.each([
  [event('2026-01-01T00:00:00.123Z'), { firstTimestamp: '2026-01-01T00:00:00Z' }],
  [event('2026-01-01T00:00:00+02:00'), { firstTimestamp: '2025-12-31T22:00:00Z' }],
  [event('2028-02-29T23:59:59-00:30'), { firstTimestamp: '2028-03-01T00:29:59Z' }],
  [event('0001-01-01T00:00:00Z'), { firstTimestamp: null }],
  [lease('2026-01-01T00:00:00.123456+02:00'), { spec: { renewTime: '2025-12-31T22:00:00.123456Z' } }],
  [secret('YR=='), { data: { a: 'YQ==' } }],
  [secret('YQ=\n=\r\n'), { data: { a: 'YQ==' } }],
  [quota(1), { spec: { hard: { pods: '1' } } }],
  [quota(' 1 '), { spec: { hard: { pods: '1' } } }],
  [quota(null), { spec: { hard: { pods: '0' } } }],
])('what is readable is written as Go writes it: %j', (object, expected) => {
  expect(decode(object).object).toMatchObject(expected);
});
