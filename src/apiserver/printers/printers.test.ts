import { describe, expect, it } from 'vitest';
import { builtinResources, type KubeObject } from '../../machinery/index.ts';
import { humanDuration } from './age.ts';
import { printerFor } from './index.ts';

const NOW = Date.parse('2026-01-10T12:00:00Z');
const CREATED = '2026-01-10T11:55:00Z';
const ago = (seconds: number): string => new Date(NOW - seconds * 1000).toISOString();

/** The cells of an object by column name. */
function print(apiVersion: string, kind: string, fields: object, meta: object = {}): Record<string, unknown> {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  const printer = printerFor(group, version, kind);
  const metadata = { name: 'x', namespace: 'a', creationTimestamp: CREATED, ...meta };
  const cells = printer.cells({ apiVersion, kind, metadata, ...fields } as KubeObject, NOW);
  expect(cells).toHaveLength(printer.columns.length);
  return Object.fromEntries(printer.columns.map(({ name }, index) => [name, cells[index]]));
}

describe('humanDuration', () => {
  const SECOND = 1000;
  const HOUR = 3600 * SECOND;
  it.each([
    [-3 * SECOND, '<invalid>'],
    [-1500, '0s'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [120 * SECOND, '2m'],
    [185 * SECOND, '3m5s'],
    [10 * 60 * SECOND, '10m'],
    [179 * 60 * SECOND, '179m'],
    [3 * HOUR, '3h'],
    [3 * HOUR + 60 * SECOND, '3h1m'],
    [8 * HOUR, '8h'],
    [47 * HOUR, '47h'],
    [48 * HOUR, '2d'],
    [50 * HOUR, '2d2h'],
    [24 * 8 * HOUR, '8d'],
    [24 * 729 * HOUR, '729d'],
    [24 * 730 * HOUR, '2y'],
    [24 * 740 * HOUR, '2y10d'],
    [24 * 365 * 8 * HOUR, '8y'],
  ])('%d ms is %s', (duration, expected) => {
    expect(humanDuration(duration)).toBe(expected);
  });
});

describe('pods', () => {
  const spec = { nodeName: 'homeport', containers: [{ name: 'a' }, { name: 'b' }] };
  const running = { ready: true, state: { running: {} }, restartCount: 0 };
  const waiting = (reason: string, restartCount = 0) => ({ name: 'a', restartCount, state: { waiting: { reason } } });
  const ended = (terminated: object) => ({ name: 'a', restartCount: 0, state: { terminated } });
  const pod = (status: object, meta: object = {}, more: object = {}) =>
    print('v1', 'Pod', { spec: { ...spec, ...more }, status }, meta);

  it('running', () => {
    const status = { phase: 'Running', podIPs: [{ ip: '10.0.0.5' }], containerStatuses: [running, running] };
    expect(pod(status)).toEqual({
      Name: 'x',
      Ready: '2/2',
      Status: 'Running',
      Restarts: '0',
      Age: '5m',
      IP: '10.0.0.5',
      Node: 'homeport',
      'Nominated Node': '<none>',
      'Readiness Gates': '<none>',
    });
  });

  it.each([
    ['Pending', { phase: 'Pending' }],
    ['CrashLoopBackOff', { phase: 'Running', containerStatuses: [waiting('CrashLoopBackOff', 3), running] }],
    ['ErrImagePull', { phase: 'Pending', containerStatuses: [waiting('ErrImagePull')] }],
    ['Evicted', { phase: 'Failed', reason: 'Evicted' }],
    ['Completed', { phase: 'Succeeded', containerStatuses: [ended({ exitCode: 0, reason: 'Completed' })] }],
    ['ExitCode:7', { phase: 'Failed', containerStatuses: [ended({ exitCode: 7 })] }],
    ['Signal:9', { phase: 'Failed', containerStatuses: [ended({ exitCode: 137, signal: 9 })] }],
    ['SchedulingGated', { phase: 'Pending', conditions: [{ type: 'PodScheduled', reason: 'SchedulingGated' }] }],
    ['NotReady', { phase: 'Running', containerStatuses: [ended({ exitCode: 0, reason: 'Completed' }), running] }],
    [
      'Running',
      {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: 'True' }],
        containerStatuses: [ended({ exitCode: 0, reason: 'Completed' }), running],
      },
    ],
  ])('%s', (expected, status) => {
    expect(pod(status)['Status']).toBe(expected);
  });

  it.each([
    ['Terminating', { phase: 'Running', containerStatuses: [running] }],
    ['Unknown', { phase: 'Running', reason: 'NodeLost' }],
    ['Completed', { phase: 'Succeeded', containerStatuses: [ended({ exitCode: 0, reason: 'Completed' })] }],
  ])('being deleted: %s', (expected, status) => {
    expect(pod(status, { deletionTimestamp: CREATED })['Status']).toBe(expected);
  });

  it.each([
    ['Init:0/2', [waiting('PodInitializing')]],
    ['Init:1/2', [ended({ exitCode: 0 }), { name: 'j', state: { running: {} } }]],
    ['Init:CrashLoopBackOff', [waiting('CrashLoopBackOff')]],
    ['Init:Error', [ended({ exitCode: 1, reason: 'Error' })]],
    ['Init:ExitCode:3', [ended({ exitCode: 3 })]],
  ])('initializing: %s', (expected, initContainerStatuses) => {
    const initContainers = [{ name: 'i' }, { name: 'j' }];
    expect(pod({ phase: 'Pending', initContainerStatuses }, {}, { initContainers })['Status']).toBe(expected);
  });

  it('counts sidecars as containers', () => {
    const initContainers = [{ name: 'side', restartPolicy: 'Always' }];
    const initContainerStatuses = [{ ...running, name: 'side', started: true }];
    const status = { phase: 'Running', initContainerStatuses, containerStatuses: [running, running] };
    expect(pod(status, {}, { initContainers })).toMatchObject({ Ready: '3/3', Status: 'Running' });
  });

  it('says when a container last ended', () => {
    const restarted = {
      ...running,
      restartCount: 4,
      lastState: { terminated: { exitCode: 1, finishedAt: ago(90) } },
    };
    expect(pod({ phase: 'Running', containerStatuses: [restarted, running] })['Restarts']).toBe('4 (90s ago)');
  });

  it('counts readiness gates', () => {
    const status = { phase: 'Running', conditions: [{ type: 'mine', status: 'True' }] };
    const readinessGates = [{ conditionType: 'mine' }, { conditionType: 'yours' }];
    expect(pod(status, {}, { readinessGates })['Readiness Gates']).toBe('1/2');
  });
});

describe('other kinds', () => {
  it('deployments and replica sets', () => {
    const spec = {
      replicas: 3,
      selector: {
        matchLabels: { b: '2', a: '1' },
        matchExpressions: [{ key: 'c', operator: 'In', values: ['y', 'x'] }],
      },
      template: { spec: { containers: [{ name: 'web', image: 'nginx:1' }, { name: 'log' }] } },
    };
    const status = { replicas: 3, readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 };
    expect(print('apps/v1', 'Deployment', { spec, status })).toEqual({
      ...{ Name: 'x', Ready: '1/3', 'Up-to-date': 2, Available: 1, Age: '5m' },
      ...{ Containers: 'web,log', Images: 'nginx:1,', Selector: 'a=1,b=2,c in (x,y)' },
    });
    expect(print('apps/v1', 'ReplicaSet', { spec, status })).toMatchObject({ Desired: 3, Current: 3, Ready: 1 });
  });

  it('services', () => {
    const ports = [
      { port: 80, protocol: 'TCP' },
      { port: 53, nodePort: 30053, protocol: 'UDP' },
    ];
    expect(print('v1', 'Service', { spec: { type: 'ClusterIP', clusterIPs: ['10.96.0.1'], ports } })).toMatchObject({
      ...{ Type: 'ClusterIP', 'Cluster-IP': '10.96.0.1', 'External-IP': '<none>', 'Port(s)': '80/TCP,53:30053/UDP' },
      Selector: '<none>',
    });
    expect(print('v1', 'Service', { spec: { type: 'LoadBalancer' } })).toMatchObject({ 'External-IP': '<pending>' });
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } };
    expect(print('v1', 'Service', { spec: { type: 'LoadBalancer' }, status })['External-IP']).toBe('1.2.3.4');
    expect(print('v1', 'Service', { spec: { type: 'ExternalName', externalName: 'a.b' } })).toMatchObject({
      ...{ 'Cluster-IP': '<none>', 'External-IP': 'a.b', 'Port(s)': '<none>' },
    });
  });

  it('nodes', () => {
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1.34.2+homeport', osImage: 'Linux' },
    };
    const labels = { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' };
    expect(print('v1', 'Node', { spec: {}, status }, { labels })).toEqual({
      ...{ Name: 'x', Status: 'Ready', Roles: 'control-plane,worker', Age: '5m', Version: 'v1.34.2+homeport' },
      ...{ 'Internal-IP': '127.0.0.1', 'External-IP': '<none>', 'OS-Image': 'Linux' },
      ...{ 'Kernel-Version': '<unknown>', 'Container-Runtime': '<unknown>' },
    });
    expect(print('v1', 'Node', { spec: { unschedulable: true } })['Status']).toBe('Unknown,SchedulingDisabled');
  });

  it('events of both groups', () => {
    const shared = { type: 'Warning', reason: 'BackOff', reportingInstance: 'homeport' };
    const core = {
      ...shared,
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
      message: 'Back-off \n',
      reportingComponent: 'kubelet',
      firstTimestamp: ago(600),
      lastTimestamp: ago(10),
      count: 5,
    };
    const expected = {
      ...{ 'Last Seen': '10s', Type: 'Warning', Reason: 'BackOff', Object: 'pod/web', Subobject: 'spec.containers{a}' },
      ...{ Source: 'kubelet, homeport', Message: 'Back-off', 'First Seen': '10m', Count: 5, Name: 'x' },
    };
    expect(print('v1', 'Event', core)).toEqual(expected);
    const event = {
      ...shared,
      regarding: core.involvedObject,
      note: core.message,
      reportingController: 'kubelet',
      eventTime: ago(600),
      series: { count: 5, lastObservedTime: ago(10) },
    };
    expect(print('events.k8s.io/v1', 'Event', event)).toEqual(expected);
  });

  it('ingresses', () => {
    const rules = ['a', 'b', 'c', 'd', 'e'].map((host) => ({ host }));
    expect(print('networking.k8s.io/v1', 'Ingress', { spec: { rules, tls: [{}] } })).toMatchObject({
      ...{ Class: '<none>', Hosts: 'a,b,c + 2 more...', Address: '', Ports: '80, 443' },
    });
    expect(print('networking.k8s.io/v1', 'Ingress', { spec: {} })).toMatchObject({ Hosts: '*', Ports: '80' });
    const three = [{}, ...rules.slice(0, 3)];
    expect(print('networking.k8s.io/v1', 'Ingress', { spec: { rules: three } })['Hosts']).toBe('a,b,c');
  });

  it('endpoints and slices', () => {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
    const subsets = [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 80 }] }];
    expect(print('v1', 'Endpoints', { subsets })['Endpoints']).toBe('10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...');
    expect(print('v1', 'Endpoints', {})['Endpoints']).toBe('<none>');
    const slice = { addressType: 'IPv4', ports: [{ port: 80 }, { name: 'x' }, {}], endpoints: [{ addresses }] };
    expect(print('discovery.k8s.io/v1', 'EndpointSlice', slice)).toMatchObject({
      ...{ AddressType: 'IPv4', Ports: '80,x,*', Endpoints: '10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...' },
    });
    expect(print('discovery.k8s.io/v1', 'EndpointSlice', {})).toMatchObject({ Ports: '<unset>', Endpoints: '<unset>' });
  });

  it('role bindings', () => {
    const subjects = [
      { kind: 'User', name: 'ann' },
      { kind: 'User', name: 'bob' },
      { kind: 'ServiceAccount', name: 'sa', namespace: 'a' },
    ];
    const binding = { roleRef: { kind: 'Role', name: 'edit' }, subjects };
    expect(print('rbac.authorization.k8s.io/v1', 'RoleBinding', binding)).toMatchObject({
      ...{ Role: 'Role/edit', Users: 'ann, bob', Groups: '', ServiceAccounts: 'a/sa' },
    });
  });

  it('what only counts or names', () => {
    expect(print('v1', 'ConfigMap', { data: { a: '' }, binaryData: { b: '' } })['Data']).toBe(2);
    expect(print('v1', 'Secret', { type: 'Opaque', data: { a: '' } })).toMatchObject({ Type: 'Opaque', Data: 1 });
    expect(print('v1', 'ServiceAccount', {})['Secrets']).toBe(0);
    expect(print('v1', 'Namespace', { status: { phase: 'Active' } })['Status']).toBe('Active');
    expect(print('coordination.k8s.io/v1', 'Lease', { spec: { holderIdentity: 'me' } })['Holder']).toBe('me');
    const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 's', uid: '', controller: true }];
    expect(print('apps/v1', 'ControllerRevision', { revision: 2 }, { ownerReferences })).toMatchObject({
      ...{ Controller: 'statefulset.apps/s', Revision: '2' },
    });
  });

  it('kinds without columns of their own show when they were created', () => {
    expect(print('rbac.authorization.k8s.io/v1', 'ClusterRole', {})).toEqual({ Name: 'x', 'Created At': CREATED });
    expect(print('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {})).toHaveProperty(['Created At'], CREATED);
  });

  it('every kind prints an object that has nothing but a name', () => {
    for (const { group, version, kind } of builtinResources) {
      expect(() => print(group === '' ? version : `${group}/${version}`, kind, {})).not.toThrow();
    }
  });
});
