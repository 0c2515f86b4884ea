import type { KubeObject, Resource, Schema } from '../../machinery/index.ts';
import { group, volumeSnapshotClasses, volumeSnapshotContents, volumeSnapshots } from './resources.ts';

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const count: Schema = { type: 'integer', format: 'int64' };
const policy: Schema = { type: 'string', enum: ['Delete', 'Retain'] };
const error: Schema = { type: 'object', properties: { message: text, time: { type: 'string', format: 'date-time' } } };

const rules = (...list: [rule: string, message: string][]): Schema => ({
  'x-kubernetes-validations': list.map(([rule, message]) => ({ rule, message })),
});
const immutable = (field: string): Schema => ({ ...text, ...rules(['self == oldSelf', `${field} is immutable`]) });
const kept = (field: string): [string, string] => [
  `!has(oldSelf.${field}) || has(self.${field})`,
  `${field} is required once set`,
];

const snapshotSchema: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['source'],
      properties: {
        source: {
          type: 'object',
          properties: {
            persistentVolumeClaimName: immutable('persistentVolumeClaimName'),
            volumeSnapshotContentName: immutable('volumeSnapshotContentName'),
          },
          ...rules(kept('persistentVolumeClaimName'), kept('volumeSnapshotContentName'), [
            'has(self.volumeSnapshotContentName) != has(self.persistentVolumeClaimName)',
            'exactly one of volumeSnapshotContentName and persistentVolumeClaimName must be set',
          ]),
        },
        volumeSnapshotClassName: {
          ...text,
          ...rules(['size(self) > 0', 'volumeSnapshotClassName must not be the empty string when set']),
        },
      },
    },
    status: {
      type: 'object',
      properties: {
        boundVolumeSnapshotContentName: text,
        creationTime: { type: 'string', format: 'date-time' },
        readyToUse: flag,
        restoreSize: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, text] },
        error,
        volumeGroupSnapshotName: text,
      },
    },
  },
};

const contentSchema: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    spec: {
      type: 'object',
      required: ['deletionPolicy', 'driver', 'source', 'volumeSnapshotRef'],
      properties: {
        deletionPolicy: policy,
        driver: text,
        source: {
          type: 'object',
          properties: { snapshotHandle: immutable('snapshotHandle'), volumeHandle: immutable('volumeHandle') },
          ...rules(kept('volumeHandle'), kept('snapshotHandle'), [
            'has(self.volumeHandle) != has(self.snapshotHandle)',
            'exactly one of volumeHandle and snapshotHandle must be set',
          ]),
        },
        sourceVolumeMode: immutable('sourceVolumeMode'),
        volumeSnapshotClassName: text,
        volumeSnapshotRef: {
          type: 'object',
          properties: Object.fromEntries(
            ['apiVersion', 'fieldPath', 'kind', 'name', 'namespace', 'resourceVersion', 'uid'].map((name) => [
              name,
              text,
            ]),
          ),
          'x-kubernetes-map-type': 'atomic',
          ...rules([
            'has(self.name) && has(self.__namespace__)',
            'both spec.volumeSnapshotRef.name and spec.volumeSnapshotRef.namespace must be set',
          ]),
        },
      },
      ...rules(kept('sourceVolumeMode')),
    },
    status: {
      type: 'object',
      properties: {
        snapshotHandle: text,
        creationTime: count,
        restoreSize: { ...count, minimum: 0 },
        readyToUse: flag,
        error,
        volumeGroupSnapshotHandle: text,
      },
    },
  },
};

const classSchema: Schema = {
  type: 'object',
  required: ['deletionPolicy', 'driver'],
  properties: {
    deletionPolicy: policy,
    driver: text,
    parameters: { type: 'object', additionalProperties: text },
  },
};

type Column = [name: string, jsonPath: string, type: string];

function definition(resource: Resource, shortNames: string[], schema: Schema, columns: Column[]): KubeObject {
  const { resource: plural, kind: kindName, namespaced } = resource;
  const withStatus = (schema['properties'] as Record<string, Schema>)['status'] !== undefined;
  const age: Column = ['Age', '.metadata.creationTimestamp', 'date'];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // Groups of *.k8s.io need the place where they were approved.
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-csi/external-snapshotter/pull/814' },
    },
    spec: {
      group,
      names: {
        ...{ kind: kindName, listKind: `${kindName}List`, plural, shortNames, singular: kindName.toLowerCase() },
      },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: [
        {
          name: 'v1',
          ...{ served: true, storage: true, schema: { openAPIV3Schema: schema } },
          ...(withStatus ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: [...columns, age].map(([name, jsonPath, type]) => ({ name, jsonPath, type })),
        },
      ],
    },
  };
}

/** The kinds of snapshots, as the community's definitions have them. */
export const snapshotDefinitions: readonly KubeObject[] = [
  definition(volumeSnapshots, ['vs'], snapshotSchema, [
    ['ReadyToUse', '.status.readyToUse', 'boolean'],
    ['SourcePVC', '.spec.source.persistentVolumeClaimName', 'string'],
    ['SourceSnapshotContent', '.spec.source.volumeSnapshotContentName', 'string'],
    ['RestoreSize', '.status.restoreSize', 'string'],
    ['SnapshotClass', '.spec.volumeSnapshotClassName', 'string'],
    ['SnapshotContent', '.status.boundVolumeSnapshotContentName', 'string'],
    ['CreationTime', '.status.creationTime', 'date'],
  ]),
  definition(volumeSnapshotContents, ['vsc', 'vscs'], contentSchema, [
    ['ReadyToUse', '.status.readyToUse', 'boolean'],
    ['RestoreSize', '.status.restoreSize', 'integer'],
    ['DeletionPolicy', '.spec.deletionPolicy', 'string'],
    ['Driver', '.spec.driver', 'string'],
    ['VolumeSnapshotClass', '.spec.volumeSnapshotClassName', 'string'],
    ['VolumeSnapshot', '.spec.volumeSnapshotRef.name', 'string'],
    ['VolumeSnapshotNamespace', '.spec.volumeSnapshotRef.namespace', 'string'],
  ]),
  definition(volumeSnapshotClasses, ['vsclass', 'vsclasses'], classSchema, [
    ['Driver', '.driver', 'string'],
    ['DeletionPolicy', '.deletionPolicy', 'string'],
  ]),
];
