import { describe, expect, it } from 'vitest';
import { type KubeObject, ownerReferenceTo } from '../../machinery/index.ts';
import type { Pod, Service } from '../types.ts';
import { backendGroups } from './addresses.ts';
import { endpointsFor } from './legacy.ts';
import { sliceChanges } from './slices.ts';

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'a', uid: 'u', labels: { team: 'x' } },
  spec: { selector: { app: 'web' }, clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80, targetPort: 'web' }] },
};

function pod(name: string, ip: string, { ready = true, deleted = false, port = 8080 } = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'a', uid: `uid-${name}`, ...(deleted ? { deletionTimestamp: 'now' } : {}) },
    spec: { nodeName: 'n', containers: [{ name: 'c', ports: [{ name: 'web', containerPort: port }] }] },
    status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

function slicesFor(pods: Pod[], existing: KubeObject[] = []) {
  return sliceChanges(service, backendGroups(service, pods), existing);
}

describe('the slices of a service', () => {
  it('say where its pods are and in which condition', () => {
    const pods = [pod('b', '1.1.1.2', { ready: false }), pod('a', '1.1.1.1'), pod('c', '1.1.1.3', { deleted: true })];
    const [slice] = slicesFor(pods).create;
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      metadata: {
        labels: { team: 'x', 'kubernetes.io/service-name': 'web' },
        ownerReferences: [{ kind: 'Service', uid: 'u' }],
      },
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        { addresses: ['1.1.1.1'], nodeName: 'n', conditions: { ready: true, serving: true, terminating: false } },
        { addresses: ['1.1.1.2'], conditions: { ready: false, serving: false, terminating: false } },
        { addresses: ['1.1.1.3'], conditions: { ready: false, serving: true, terminating: true } },
      ],
    });
  });

  it('are one for each set of ports, and at least one', () => {
    const { create } = slicesFor([pod('a', '1.1.1.1'), pod('b', '1.1.1.2', { port: 9090 })]);
    expect(create.map(({ ports }) => ports)).toMatchObject([[{ port: 8080 }], [{ port: 9090 }]]);
    expect(slicesFor([]).create).toMatchObject([{ endpoints: [], ports: [] }]);
  });

  it('hold a hundred endpoints at most and have names of their own', () => {
    const { create } = slicesFor(Array.from({ length: 250 }, (_, index) => pod(`p${index}`, `1.1.1.${index}`)));
    expect(create.map(({ endpoints }) => (endpoints as unknown[]).length)).toEqual([100, 100, 50]);
    expect(new Set(create.map(({ metadata }) => metadata.name)).size).toBe(3);
  });

  it('keep an endpoint where it is, and put a new one into a slice that has room', () => {
    const pods = Array.from({ length: 150 }, (_, index) => pod(`p${100 + index}`, `1.1.1.${index}`));
    const { create } = slicesFor(pods);
    const [full, half] = create;
    expect(slicesFor([...pods, pod('a', '1.1.2.1')], create)).toMatchObject({
      create: [],
      update: [{ metadata: { name: half?.metadata.name } }],
      remove: [],
    });
    const [, ...others] = pods;
    const changed = slicesFor([...others, pod('a', '1.1.2.1')], create);
    expect(changed).toMatchObject({ create: [], update: [{ metadata: { name: full?.metadata.name } }], remove: [] });
    expect(changed.update[0]?.['endpoints']).toHaveLength(100);
  });

  it('are for each family of the service, and say for whom an endpoint is meant', () => {
    const both: Service = {
      ...service,
      spec: { ...service.spec, ipFamilies: ['IPv6', 'IPv4'], trafficDistribution: 'PreferSameNode' },
    };
    const dual = pod('a', '1.1.1.1');
    dual.status = { ...dual.status, podIPs: [{ ip: '1.1.1.1' }, { ip: '2001:db8::1' }] };
    const groups = backendGroups(both, [dual, pod('b', '1.1.1.2', { ready: false })], () => 'z');
    const { create } = sliceChanges(both, groups, []);
    expect(create.map((slice) => [slice['addressType'], (slice['endpoints'] as unknown[]).length])).toEqual([
      ['IPv6', 1],
      ['IPv4', 2],
    ]);
    const hints = { forZones: [{ name: 'z' }], forNodes: [{ name: 'n' }] };
    expect(create[0]?.['endpoints']).toMatchObject([{ addresses: ['2001:db8::1'], zone: 'z', hints }]);
    expect(endpointsFor(both, groups)['subsets']).toMatchObject([{ addresses: [{ ip: '2001:db8::1' }] }]);
  });

  it('of an earlier service of the same name go', () => {
    const { create } = slicesFor([pod('a', '1.1.1.1')]);
    const earlier = create.map((slice) => ({
      ...slice,
      metadata: { ...slice.metadata, ownerReferences: [{ ...ownerReferenceTo(service), uid: 'earlier' }] },
    }));
    expect(slicesFor([pod('a', '1.1.1.1')], earlier)).toMatchObject({ create: [{}], update: [], remove: [{}] });
  });

  it('are left alone when they are right, changed when not, and removed when there are too many', () => {
    const { create } = slicesFor([pod('a', '1.1.1.1')]);
    expect(slicesFor([pod('a', '1.1.1.1')], create)).toEqual({ create: [], update: [], remove: [] });
    const changed = slicesFor([pod('a', '1.1.1.9')], create);
    expect(changed.update).toMatchObject([{ metadata: { name: create[0]?.metadata.name } }]);
    const two = [...create, ...slicesFor([pod('b', '1.1.1.2', { port: 1 })]).create];
    expect(slicesFor([pod('a', '1.1.1.1')], two)).toMatchObject({ create: [], update: [], remove: [{}] });
  });
});

it('the Endpoints of a service are in the order of their addresses', () => {
  const pods = [pod('a', '1.1.1.3'), pod('b', '1.1.1.1'), pod('c', '1.1.1.2')];
  const [subset] = endpointsFor(service, backendGroups(service, pods))['subsets'] as { addresses: { ip: string }[] }[];
  expect(subset?.addresses.map(({ ip }) => ip)).toEqual(['1.1.1.1', '1.1.1.2', '1.1.1.3']);
});

it('the Endpoints of a service leave out terminating pods and tell ready ones from others', () => {
  const pods = [pod('a', '1.1.1.1'), pod('b', '1.1.1.2', { ready: false }), pod('c', '1.1.1.3', { deleted: true })];
  expect(endpointsFor(service, backendGroups(service, pods))['subsets']).toEqual([
    {
      addresses: [
        { ip: '1.1.1.1', nodeName: 'n', targetRef: { kind: 'Pod', namespace: 'a', name: 'a', uid: 'uid-a' } },
      ],
      notReadyAddresses: [
        { ip: '1.1.1.2', nodeName: 'n', targetRef: { kind: 'Pod', namespace: 'a', name: 'b', uid: 'uid-b' } },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ]);
});

it('the Endpoints of a service have a subset for all ports that the same addresses have', () => {
  const ports = [...(service.spec?.ports ?? []), { name: 'other', port: 99 }];
  const two: Service = { ...service, spec: { ...service.spec, ports } };
  const groups = backendGroups(two, [pod('a', '1.1.1.1'), pod('b', '1.1.1.2', { port: 9090 })]);
  const subsets = endpointsFor(two, groups)['subsets'] as { addresses: { ip: string }[]; ports: { port: number }[] }[];
  const seen = subsets.map((subset) => [subset.ports.map(({ port }) => port), subset.addresses.map(({ ip }) => ip)]);
  expect(seen).toEqual([
    [[8080], ['1.1.1.1']],
    [[99], ['1.1.1.1', '1.1.1.2']],
    [[9090], ['1.1.1.2']],
  ]);
});
