import { describe, expect, it } from 'vitest';
import { ApiError, builtinSchema, type Fields, invalid } from '../../machinery/index.ts';
import { create, deployment, errorsOf, template, updateErrorsOf } from './strategy.testing.ts';
import { strategyFor } from './strategy.ts';

describe('deployments', () => {
  it('get the defaults of kube-apiserver', () => {
    expect(create('Deployment', deployment).spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      template: { spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30 } },
    });
    const scaledToZero = { spec: { ...deployment.spec, replicas: 0 } };
    expect(create('Deployment', scaledToZero).spec?.['replicas']).toBe(0);
  });

  it('need a selector that selects their template, for good', () => {
    expect(errorsOf('Deployment', { spec: { template } })).toEqual([
      'spec.selector: Required value',
      'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
    ]);
    const other = { spec: { ...deployment.spec, selector: { matchLabels: { app: 'y' } } } };
    expect(errorsOf('Deployment', other)).toEqual([
      'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
    ]);
    const relabelled = {
      spec: { selector: { matchLabels: { app: 'y' } }, template: { ...template, metadata: { labels: { app: 'y' } } } },
    };
    expect(updateErrorsOf('Deployment', deployment, relabelled)).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable',
    ]);
  });

  it('check their rollout', () => {
    const spec = (strategy: Fields) => ({ spec: { ...deployment.spec, strategy } });
    expect(errorsOf('Deployment', spec({ rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } }))).toEqual([
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ]);
    expect(errorsOf('Deployment', spec({ rollingUpdate: { maxSurge: 1, maxUnavailable: 'half' } }))).toEqual([
      "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"half\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    ]);
    expect(errorsOf('Deployment', spec({ type: 'Recreate', rollingUpdate: {} }))).toEqual([
      "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    ]);
  });
});

describe('configuration', () => {
  it('checks keys and immutability of ConfigMaps', () => {
    expect(errorsOf('ConfigMap', { data: { 'a b': 'x', '..': 'y', ok: 'z' }, binaryData: { ok: '' } })).toEqual([
      "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      'data[..]: Invalid value: "..": must not be \'..\'',
      'data[ok]: Invalid value: "ok": duplicate of key present in binaryData',
    ]);
    const frozen = { immutable: true, data: { a: '1' } };
    expect(updateErrorsOf('ConfigMap', frozen, { data: { a: '2' } })).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(errorsOf('ConfigMap', { data: { big: 'x'.repeat(1024 * 1024 + 1) } })).toEqual([
      '[]: Too long: may not be more than 1048576 bytes',
    ]);
  });

  it('turns stringData of Secrets into data, and checks types', () => {
    const secret = create('Secret', { stringData: { user: 'é' }, data: { user: 'b2xk', other: 'eA==' } });
    expect(secret).toMatchObject({ type: 'Opaque', data: { user: 'w6k=', other: 'eA==' } });
    expect(secret).not.toHaveProperty('stringData');
    expect(errorsOf('Secret', { type: 'kubernetes.io/tls' })).toEqual([
      'data[tls.crt]: Required value',
      'data[tls.key]: Required value',
    ]);
    expect(updateErrorsOf('Secret', {}, { type: 'other' })).toEqual([
      'type: Invalid value: "other": field is immutable',
    ]);
    const [leak] = errorsOf('Secret', {
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': Buffer.from('s3cret').toString('base64') },
    });
    expect(leak).not.toContain('s3cret');
  });
});

describe('the other kinds', () => {
  it('Ingress', () => {
    expect(errorsOf('Ingress', { spec: {} })).toEqual([
      'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
    ]);
    const service = { name: 'web', port: { number: 80 } };
    const path = (fields: Fields) => ({ spec: { rules: [{ host: 'a.b', http: { paths: [fields] } }] } });
    expect(errorsOf('Ingress', path({ path: '/', pathType: 'Prefix', backend: { service } }))).toEqual([]);
    expect(errorsOf('Ingress', path({ path: '/' }))).toEqual([
      'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
    ]);
    expect(errorsOf('Ingress', path({ path: 'x', pathType: 'Exact', backend: {} }))).toEqual([
      'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path',
      'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
    ]);
  });

  it('EndpointSlice', () => {
    const slice = { addressType: 'IPv4', ports: [{ port: 80 }], endpoints: [{ addresses: ['127.0.0.1', 'x'] }] };
    expect(create('EndpointSlice', slice)['ports']).toEqual([{ port: 80, name: '', protocol: 'TCP' }]);
    expect(errorsOf('EndpointSlice', slice)).toEqual([
      'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      'endpoints[0].addresses[1]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ]);
  });

  it('RBAC', () => {
    expect(errorsOf('Role', { rules: [{ nonResourceURLs: ['/x'], verbs: [] }, { verbs: ['get'] }] })).toEqual([
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
      'rules[1].apiGroups: Required value: resource rules must supply at least one api group',
      'rules[1].resources: Required value: resource rules must supply at least one resource',
    ]);
    const binding = { roleRef: { kind: 'Role', name: 'r' }, subjects: [{ kind: 'User', name: 'u' }] };
    expect(errorsOf('RoleBinding', binding)).toEqual([]);
    const other = { ...binding, roleRef: { kind: 'Role', name: 's' } };
    expect(updateErrorsOf('RoleBinding', binding, other)).toEqual([
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"s"}: cannot change roleRef',
    ]);
  });

  it('Namespace', () => {
    const namespace = create('Namespace', {});
    expect(namespace).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  it('Lease, PriorityClass and Event', () => {
    expect(errorsOf('Lease', { spec: { leaseDurationSeconds: 0 } })).toEqual([
      'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    ]);
    expect(errorsOf('PriorityClass', { value: 2_000_000_000 })).toEqual([
      'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
    ]);
    expect(updateErrorsOf('PriorityClass', { value: 1 }, { value: 2 })).toEqual([
      'value: Forbidden: may not be changed in an update.',
    ]);
    expect(errorsOf('Event', { involvedObject: { namespace: 'b' } })).toEqual([
      'involvedObject.namespace: Invalid value: "b": does not match event.namespace',
    ]);
  });
});

describe('the whole', () => {
  it('reads as a 422 of kube-apiserver', () => {
    const error = invalid({ group: 'apps', kind: 'Deployment' }, 'x', [
      ...(strategyFor('apps', 'Deployment')?.validate?.(create('Deployment', { spec: { template } }), undefined) ?? []),
    ]);
    expect(error).toBeInstanceOf(ApiError);
    expect(error.message).toMatch(/^Deployment.apps "x" is invalid: \[spec.selector: Required value, /);
  });

  it('knows only kinds that exist', () => {
    expect(strategyFor('', 'ConfigMap')).toBeDefined();
    expect(strategyFor('example.com', 'ConfigMap')).toBeUndefined();
    expect(builtinSchema('v1', 'Pod')).toBeDefined();
  });
});
