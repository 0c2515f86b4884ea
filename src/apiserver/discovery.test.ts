import { describe, expect, it } from 'vitest';
import { compareVersions, createDiscovery } from './discovery.ts';
import { builtins, cronTabs } from './served.testing.ts';

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';

interface Listed {
  name: string;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
}
interface AggregatedGroup {
  metadata: { name: string };
  versions: { version: string; resources: { resource: string; subresources?: { subresource: string }[] }[] }[];
}

function served(...extra: Parameters<ReturnType<typeof createDiscovery>['update']>[0]) {
  const discovery = createDiscovery('127.0.0.1:6443');
  discovery.update([...builtins, ...extra]);
  const get = (path: string, accept?: string) => {
    const document = discovery.reply(path, accept);
    return document && (JSON.parse(new TextDecoder().decode(document.body)) as Record<string, unknown>);
  };
  return { discovery, get };
}

describe('plain discovery', () => {
  const { get } = served(cronTabs());

  it('names the core group and where it is served', () => {
    expect(get('/api')).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '127.0.0.1:6443' }],
    });
  });

  it('lists groups, the server’s own first', () => {
    const groups = get('/apis')?.['groups'] as { name: string; preferredVersion: { groupVersion: string } }[];
    expect(groups[0]?.name).toBe('apiregistration.k8s.io');
    expect(groups[1]).toMatchObject({ name: 'apps', preferredVersion: { groupVersion: 'apps/v1', version: 'v1' } });
    expect(groups.at(-1)?.name).toBe('stable.example.com');
    expect(groups.map(({ name }) => name)).not.toContain('');
    expect(get('/apis/apps')).toMatchObject({ kind: 'APIGroup', apiVersion: 'v1', name: 'apps' });
  });

  it('lists resources with their subresources', () => {
    const resources = get('/api/v1')?.['resources'] as Listed[];
    expect(resources.find(({ name }) => name === 'pods')).toMatchObject({
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      shortNames: ['po'],
      categories: ['all'],
    });
    expect(resources.find(({ name }) => name === 'pods/eviction')).toMatchObject({
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
      verbs: ['create'],
    });
    const apps = get('/apis/apps/v1');
    expect(apps).toMatchObject({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'apps/v1' });
    expect(apps).toHaveProperty(
      'resources',
      expect.arrayContaining([expect.objectContaining({ name: 'deployments/scale' })]),
    );
  });

  it('says which version it speaks', () => {
    expect(get('/version')).toMatchObject({ major: '1', minor: '34', gitVersion: 'v1.34.2+homeport' });
  });

  it.each(['/apis/nonsense', '/apis/apps/v9', '/api/v2', '/api/v1/pods', '/apis/apps/v1/deployments', '/metrics', '/'])(
    'has nothing at %s',
    (path) => {
      expect(get(path)).toBeUndefined();
    },
  );
});

it('tells by a hash in which version a resource is stored, as kube-apiserver does', () => {
  const discovery = createDiscovery('127.0.0.1:6443');
  discovery.update(builtins);
  const resources = (path: string): Record<string, unknown>[] =>
    (JSON.parse(new TextDecoder().decode(discovery.reply(path, undefined)?.body)) as { resources: [] }).resources;
  expect(resources('/apis/apps/v1')[0]).toMatchObject({
    name: 'controllerrevisions',
    storageVersionHash: '85nkx63pcBU=',
  });
  // Events are stored as those of the core group, whichever group they are read in.
  expect(resources('/apis/events.k8s.io/v1')[0]).toMatchObject({ storageVersionHash: 'r2yiGXH7wu8=' });
  expect(resources('/apis/authentication.k8s.io/v1')[0]).not.toHaveProperty('storageVersionHash');
});

describe('aggregated discovery', () => {
  it('comes in the version that the client prefers', () => {
    const { discovery } = served();
    const type = (accept: string | undefined) => discovery.reply('/apis', accept)?.contentType;
    expect(type(AGGREGATED)).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    expect(type('application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList')).toContain('v=v2beta1');
    expect(type('application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json')).toBe(
      'application/json',
    );
    expect(type(undefined)).toBe('application/json');
    expect(type('*/*')).toBe('application/json');
  });

  it('puts the core group at /api and the others at /apis', () => {
    const { get } = served(cronTabs());
    const core = get('/api', AGGREGATED)?.['items'] as AggregatedGroup[];
    expect(core).toHaveLength(1);
    const pods = core[0]?.versions[0]?.resources.find(({ resource }) => resource === 'pods');
    expect(pods).toMatchObject({
      responseKind: { group: '', version: '', kind: 'Pod' },
      scope: 'Namespaced',
      singularResource: 'pod',
    });
    expect(pods?.subresources?.map(({ subresource }) => subresource)).toContain('log');
    const others = get('/apis', AGGREGATED)?.['items'] as AggregatedGroup[];
    expect(others.find(({ metadata }) => metadata.name === 'stable.example.com')?.versions[0]).toMatchObject({
      version: 'v1',
      freshness: 'Current',
    });
  });

  it('changes its etag when a CRD arrives, and not otherwise', () => {
    const { discovery } = served();
    const before = discovery.reply('/apis', AGGREGATED)?.etag;
    discovery.update([...builtins]);
    expect(discovery.reply('/apis', AGGREGATED)?.etag).toBe(before);
    discovery.update([...builtins, cronTabs()]);
    expect(discovery.reply('/apis', AGGREGATED)?.etag).not.toBe(before);
    discovery.update([...builtins, cronTabs('v1beta1'), cronTabs('v2')]);
    const text = new TextDecoder().decode(discovery.reply('/apis/stable.example.com', undefined)?.body);
    expect(JSON.parse(text)).toMatchObject({ preferredVersion: { version: 'v2' } });
  });
});

describe('compareVersions', () => {
  it('orders as Kubernetes does', () => {
    const order = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];
    expect([...order].reverse().sort(compareVersions)).toEqual(order);
  });
});
