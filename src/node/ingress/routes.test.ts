import { expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { buildRoutes } from './routes.ts';

const backend = (name: string) => ({ service: { name, port: { number: 80 } } });

function ingress(
  name: string,
  host: string | undefined,
  paths: [string, string, string][],
  more: object = {},
): KubeObject {
  const rule = {
    ...(host ? { host } : {}),
    http: { paths: paths.map(([path, pathType, to]) => ({ path, pathType, backend: backend(to) })) },
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'a', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { rules: [rule], ...more },
  };
}

test.each([
  ['app.example.org', '/', 'root'],
  ['app.example.org', '/foo', 'exact'],
  ['app.example.org', '/foo/', 'prefix'],
  ['app.example.org', '/foo/bar/baz', 'deeper'],
  ['app.example.org', '/foobar', 'root'],
  ['other.example.org', '/x', 'wild'],
  ['a.b.example.org', '/x', 'any'],
  ['example.org', '/x', 'any'],
])('%s%s goes to %s', (host, path, service) => {
  const table = buildRoutes([
    ingress('one', 'app.example.org', [
      ['/', 'Prefix', 'root'],
      ['/foo', 'Prefix', 'prefix'],
      ['/foo', 'Exact', 'exact'],
      ['/foo/bar', 'ImplementationSpecific', 'deeper'],
    ]),
    ingress('two', '*.example.org', [['/', 'Prefix', 'wild']]),
    ingress('three', undefined, [['/', 'Prefix', 'any']]),
  ]);
  expect(table.find(host, path)?.service).toBe(service);
});

test('the default backend takes what nothing else does', () => {
  const table = buildRoutes([ingress('one', 'app', [['/x', 'Prefix', 'x']], { defaultBackend: backend('default') })]);
  expect(table.find('nobody', '/')?.service).toBe('default');
  expect(buildRoutes([ingress('one', 'app', [['/x', 'Prefix', 'x']])]).find('app', '/y')).toBeUndefined();
});

test('an Ingress is found by its name only while that names one', () => {
  const one = ingress('app', 'h', [['/', 'Prefix', 'x']]);
  const other = { ...one, metadata: { ...one.metadata, namespace: 'b' } };
  expect(buildRoutes([one]).findIn('app', '/')?.service).toBe('x');
  expect(buildRoutes([one, other]).findIn('app', '/')).toBeUndefined();
});
