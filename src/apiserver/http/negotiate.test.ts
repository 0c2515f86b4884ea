import { expect, test } from 'vitest';
import { negotiate } from './negotiate.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

test.each([
  [undefined, 'object v1 json'],
  ['*/*', 'object v1 json'],
  ['application/json', 'object v1 json'],
  ['application/yaml', 'object v1 yaml'],
  ['application/vnd.kubernetes.protobuf, application/json', 'object v1 protobuf'],
  ['application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'metadata v1 protobuf'],
  ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', 'object v1 json'],
  [`${TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'table v1 json'],
  ['application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io', 'metadata v1beta1 json'],
  ['application/json;as=Table;v=v9;g=meta.k8s.io,application/json', 'object v1 json'],
])('Accept %s', (accept, wanted) => {
  const { shape, version, format } = negotiate(accept, true);
  expect(`${shape} ${version} ${format}`).toBe(wanted);
});

test('custom kinds have metadata in protobuf, and nothing else', () => {
  expect(negotiate('application/vnd.kubernetes.protobuf,application/json', false).format).toBe('json');
  expect(negotiate('application/vnd.kubernetes.protobuf;as=PartialObjectMetadata', false).format).toBe('protobuf');
});

test.each(['text/html', 'application/vnd.kubernetes.protobuf', 'application/json;as=Nonsense'])(
  'Accept %s cannot be granted for a custom kind',
  (accept) => {
    expect(() => negotiate(accept, false)).toThrow(expect.objectContaining({ code: 406, reason: 'NotAcceptable' }));
  },
);
