import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { Fields } from '../../../machinery/index.ts';
import { type Answer, startTestServer, type TestServer } from '../../https.testing.ts';

/** The server of a file of tests, and the namespace of the running one. */
export let server: TestServer;
export let namespace = '';
let count = 0;

/** Has the tests of a file share a server, and each begin with a namespace of its own. */
export function servePolicies(): void {
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    namespace = `policies-${++count}`;
    const metadata = { name: namespace, labels: { of: namespace, limit: '3' } };
    await server.send('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata } });
  });
}

export const GROUP = 'admissionregistration.k8s.io';
export const kinds = {
  validating: { version: 'v1', kind: 'ValidatingAdmissionPolicy', path: `/apis/${GROUP}/v1/validatingadmissionpolic` },
  mutating: {
    version: 'v1beta1',
    kind: 'MutatingAdmissionPolicy',
    path: `/apis/${GROUP}/v1beta1/mutatingadmissionpolic`,
  },
};
type Kind = keyof typeof kinds;

export const RULE = {
  operations: ['CREATE', 'UPDATE'],
  apiGroups: [''],
  apiVersions: ['v1'],
  resources: ['configmaps'],
};

/** A policy over the ConfigMaps of the test's namespace, in force for as long as `during` takes. */
export async function inForce(
  kind: Kind,
  spec: Fields,
  bindingSpec: Fields,
  during: (name: string) => Promise<void>,
): Promise<void> {
  const { version, kind: policyKind, path } = kinds[kind];
  const name = `p-${namespace}`;
  const head = { apiVersion: `${GROUP}/${version}`, metadata: { name } };
  const constraints = { resourceRules: [RULE], namespaceSelector: { matchLabels: { of: namespace } } };
  const reinvocation = kind === 'mutating' ? { reinvocationPolicy: 'Never' } : {};
  const actions = kind === 'validating' ? { validationActions: ['Deny'] } : {};
  const policy = { ...head, kind: policyKind, spec: { matchConstraints: constraints, ...reinvocation, ...spec } };
  const binding = { ...head, kind: `${policyKind}Binding`, spec: { policyName: name, ...actions, ...bindingSpec } };
  expect((await server.send('POST', `${path}ies`, { body: policy })).body).toMatchObject({ kind: policyKind });
  expect((await server.send('POST', `${path}ybindings`, { body: binding })).body).toMatchObject({ metadata: { name } });
  try {
    await during(name);
  } finally {
    await server.send('DELETE', `${path}ybindings/${name}`);
    await server.send('DELETE', `${path}ies/${name}`);
  }
}

export const configMaps = (): string => `/api/v1/namespaces/${namespace}/configmaps`;
export const create = (more: Fields = {}, query = ''): Promise<Answer> =>
  server.send('POST', `${configMaps()}${query}`, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { a: 'b' }, ...more },
  });
export const patch = (path: string, body: Fields): Promise<Answer> =>
  server.send('PATCH', path, { body, headers: { 'content-type': 'application/merge-patch+json' } });

/** What refuses everything. */
export const DENY_ALL = { validations: [{ expression: 'false', message: 'no' }] };
