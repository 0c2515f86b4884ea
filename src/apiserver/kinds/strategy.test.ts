import { describe, expect, it } from 'vitest';
import { ApiError, builtinSchema, type Fields, invalid, type KubeObject } from '../../machinery/index.ts';
import { strategyFor } from './strategy.ts';

const groupOfKind: Record<string, string> = {
  Deployment: 'apps',
  ReplicaSet: 'apps',
  Ingress: 'networking.k8s.io',
  EndpointSlice: 'discovery.k8s.io',
  Lease: 'coordination.k8s.io',
  PriorityClass: 'scheduling.k8s.io',
  Role: 'rbac.authorization.k8s.io',
  RoleBinding: 'rbac.authorization.k8s.io',
  ClusterRole: 'rbac.authorization.k8s.io',
};

function make(kind: string, fields: Fields): KubeObject {
  const group = groupOfKind[kind];
  const metadata = { name: 'x', namespace: 'a', uid: 'u' };
  return { apiVersion: group ? `${group}/v1` : 'v1', kind, metadata, ...structuredClone(fields) };
}

const strategy = (object: KubeObject) => strategyFor(groupOfKind[object.kind] ?? '', object.kind) ?? {};

function create(kind: string, fields: Fields): KubeObject {
  const object = make(kind, fields);
  strategy(object).applyDefaults?.(object);
  strategy(object).prepareForCreate?.(object);
  return object;
}

/** What a client sees of a create: 'field: message' each. */
function errorsOf(kind: string, fields: Fields): string[] {
  const object = create(kind, fields);
  return (strategy(object).validate?.(object, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

function updateErrorsOf(kind: string, before: Fields, after: Fields): string[] {
  const old = create(kind, before);
  const object = make(kind, after);
  strategy(object).applyDefaults?.(object);
  strategy(object).prepareForUpdate?.(object, old);
  return (strategy(object).validate?.(object, old) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

const container = { name: 'app', image: 'app:1' };
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } };
const deployment = { spec: { selector: { matchLabels: { app: 'x' } }, template } };

describe('pods', () => {
  it('get the defaults of kube-apiserver', () => {
    const pod = create('Pod', {
      spec: {
        containers: [
          {
            name: 'a',
            image: 'nginx',
            ports: [{ containerPort: 80 }],
            resources: { limits: { cpu: 0.5, memory: '1024Mi' } },
            livenessProbe: { httpGet: { port: 80 } },
          },
          { name: 'b', image: 'reg:5000/b:1' },
        ],
        volumes: [{ name: 'v' }, { name: 'c', configMap: { name: 'c' } }],
      },
    });
    expect(pod.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      securityContext: {},
      terminationGracePeriodSeconds: 30,
      enableServiceLinks: true,
      containers: [
        {
          imagePullPolicy: 'Always',
          terminationMessagePath: '/dev/termination-log',
          terminationMessagePolicy: 'File',
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          resources: { limits: { cpu: '500m', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
          livenessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
        },
        { imagePullPolicy: 'IfNotPresent', resources: {} },
      ],
      volumes: [{ emptyDir: {} }, { configMap: { defaultMode: 420 } }],
    });
    expect(pod.status).toEqual({ phase: 'Pending', qosClass: 'Burstable' });
  });

  it('are refused with a cause for each wrong field', () => {
    expect(errorsOf('Pod', { spec: { containers: [] } })).toEqual(['spec.containers: Required value']);
    expect(
      errorsOf('Pod', {
        spec: {
          restartPolicy: 'Sometimes',
          containers: [
            {
              name: 'Bad_Name',
              ports: [{ containerPort: 70000 }],
              env: [{ name: '' }],
              volumeMounts: [{ name: 'none', mountPath: '/x' }],
              imagePullPolicy: 'Maybe',
              resources: { requests: { cpu: '2', memory: 'lots' }, limits: { cpu: '1' } },
              livenessProbe: {},
            },
          ],
        },
      }),
    ).toEqual([
      "spec.containers[0].name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      'spec.containers[0].image: Required value',
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'spec.containers[0].env[0].name: Required value',
      'spec.containers[0].volumeMounts[0].name: Not found: "none"',
      'spec.containers[0].imagePullPolicy: Unsupported value: "Maybe": supported values: "Always", "IfNotPresent", "Never"',
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      'spec.containers[0].resources.requests[memory]: Invalid value: "lots": quantities must match the regular expression \'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$\'',
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ]);
  });

  it('refuse duplicate names and double mounts', () => {
    const mounts = [
      { name: 'v', mountPath: '/x' },
      { name: 'v', mountPath: '/x', subPath: '../up' },
    ];
    expect(
      errorsOf('Pod', {
        spec: {
          containers: [{ ...container, volumeMounts: mounts }, container],
          initContainers: [{ ...container, readinessProbe: { exec: { command: ['x'] } } }],
          volumes: [{ name: 'v' }, { name: 'v' }, { name: 'two', emptyDir: {}, secret: { secretName: 's' } }],
        },
      }),
    ).toEqual([
      'spec.volumes[1].name: Duplicate value: "v"',
      'spec.volumes[2].secret: Forbidden: may not specify more than 1 volume type',
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
      `spec.containers[0].volumeMounts.subPath: Invalid value: "../up": must not contain '..'`,
      'spec.containers[1].name: Duplicate value: "app"',
      'spec.initContainers[0].name: Duplicate value: "app"',
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ]);
  });

  it('let images, deadlines and more tolerations change, and nothing else', () => {
    const before = { spec: { containers: [container], tolerations: [{ key: 'a', operator: 'Exists' }] } };
    const more = [...before.spec.tolerations, { key: 'b', operator: 'Exists' }];
    const after = {
      spec: { containers: [{ ...container, image: 'app:2' }], tolerations: more, activeDeadlineSeconds: 9 },
    };
    expect(updateErrorsOf('Pod', before, after)).toEqual([]);
    const [changed] = updateErrorsOf('Pod', before, { spec: { ...before.spec, hostNetwork: true } });
    expect(changed).toMatch(
      /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`/,
    );
    expect(changed).toContain('hostNetwork: null -> true');
    expect(updateErrorsOf('Pod', before, { spec: { ...before.spec, tolerations: [] } })).toEqual([
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ]);
    expect(updateErrorsOf('Pod', before, { spec: { containers: [container, { ...container, name: 'b' }] } })).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ]);
  });

  it('are bound, and may be stored without the defaults of what admission added', () => {
    const old = create('Pod', { spec: { containers: [container] } });
    Object.assign(old.spec ?? {}, { volumes: [{ name: 'token', projected: { sources: [] } }] });
    const bound = structuredClone(old);
    Object.assign(bound.spec ?? {}, { nodeName: 'n1' });
    strategy(bound).applyDefaults?.(bound);
    expect(strategy(bound).validate?.(bound, old)).toEqual([]);
  });

  it('are guaranteed when every limit is a request', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' } };
    expect(create('Pod', { spec: { containers: [{ ...container, resources }] } }).status?.['qosClass']).toBe(
      'Guaranteed',
    );
    expect(create('Pod', { spec: { containers: [container] } }).status?.['qosClass']).toBe('BestEffort');
  });
});

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

describe('services', () => {
  it('get the defaults of kube-apiserver', () => {
    const service = create('Service', {
      spec: { ports: [{ port: 80 }], selector: { app: 'x' }, clusterIP: '10.96.0.9' },
    });
    expect(service.spec).toEqual({
      type: 'ClusterIP',
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      selector: { app: 'x' },
      clusterIP: '10.96.0.9',
      clusterIPs: ['10.96.0.9'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    });
  });

  it('keep what was allocated, and refuse to change it', () => {
    const before = { spec: { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }], clusterIP: '10.96.0.9' } };
    const old = create('Service', before);
    const service = make('Service', { spec: { type: 'NodePort', ports: [{ port: 80 }] } });
    strategy(service).applyDefaults?.(service);
    strategy(service).prepareForUpdate?.(service, old);
    expect(service.spec).toEqual(old.spec);
    const moved = { spec: { ...before.spec, clusterIP: '10.96.0.10' } };
    expect(updateErrorsOf('Service', before, moved)).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.10"]: may not change once set',
    ]);
  });

  it('lose what only their old type may have', () => {
    const before = { spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30080 }], clusterIP: '10.96.0.9' } };
    const after = { spec: { ...create('Service', before).spec, type: 'ClusterIP' } };
    expect(updateErrorsOf('Service', before, after)).toEqual([]);
    const external = { spec: { ...create('Service', before).spec, type: 'ExternalName', externalName: 'a.b' } };
    expect(updateErrorsOf('Service', before, external)).toEqual([]);
  });

  it('check their ports and type', () => {
    expect(errorsOf('Service', { spec: {} })).toEqual(['spec.ports: Required value']);
    expect(
      errorsOf('Service', {
        spec: { type: 'Magic', ports: [{ port: 80 }, { port: 80, name: 'b', targetPort: 'a_b' }] },
      }),
    ).toEqual([
      'spec.ports[0].name: Required value',
      'spec.ports[1].targetPort: Invalid value: "a_b": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ]);
    expect(errorsOf('Service', { spec: { type: 'ExternalName', externalName: 'x.example.com' } })).toEqual([]);
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
      'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified',
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
      'roleRef: Invalid value: {"kind":"Role","name":"s","apiGroup":"rbac.authorization.k8s.io"}: cannot change roleRef',
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
