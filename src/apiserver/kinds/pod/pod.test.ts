import { describe, expect, it } from 'vitest';
import { container, create, errorsOf, strategy, updateErrorsOf } from '../strategy.testing.ts';

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

  it('lose volumes that are images, and their mounts: the feature is off in 1.34', () => {
    const mount = (name: string) => ({ name, mountPath: `/${name}` });
    const { spec } = create('Pod', {
      spec: {
        initContainers: [{ name: 'i', image: 'i', volumeMounts: [mount('image')] }],
        containers: [{ name: 'c', image: 'c', volumeMounts: [mount('image'), mount('empty')] }],
        volumes: [
          { name: 'image', image: { reference: 'x' } },
          { name: 'empty', emptyDir: {} },
        ],
      },
    });
    expect(spec).toMatchObject({
      containers: [{ volumeMounts: [mount('empty')] }],
      volumes: [{ name: 'empty', emptyDir: {} }],
    });
    expect(spec).not.toHaveProperty('initContainers.0.volumeMounts');
    expect(spec).toHaveProperty('initContainers.0.name', 'i');
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
              resources: { requests: { cpu: '2' }, limits: { cpu: '1' } },
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

  it('may be stored without the defaults of what admission added', () => {
    const old = create('Pod', { spec: { containers: [container] } });
    Object.assign(old.spec ?? {}, { volumes: [{ name: 'token', projected: { sources: [] } }] });
    const pod = structuredClone(old);
    strategy(pod).applyDefaults?.(pod);
    expect(strategy(pod).validate?.(pod, old)).toEqual([]);
  });

  it('are guaranteed when every limit is a request', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' } };
    expect(create('Pod', { spec: { containers: [{ ...container, resources }] } }).status?.['qosClass']).toBe(
      'Guaranteed',
    );
    expect(create('Pod', { spec: { containers: [container] } }).status?.['qosClass']).toBe('BestEffort');
  });
});
