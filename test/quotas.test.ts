// What a namespace is held to: quotas, limit ranges, and storage that stays while it is used.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../src/envtest/index.ts';
import { ApiError, type Fields } from '../src/machinery/index.ts';
import { namespaces, pods, resource, startCluster, type TestCluster } from './support/cluster.ts';

const quotas = resource('', 'v1', 'resourcequotas', 'ResourceQuota');
const limitRanges = resource('', 'v1', 'limitranges', 'LimitRange');
const claims = resource('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
const storageClasses = resource('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false);
const configMaps = resource('', 'v1', 'configmaps', 'ConfigMap');
const services = resource('', 'v1', 'services', 'Service');
const ingresses = resource('networking.k8s.io', 'v1', 'ingresses', 'Ingress');
const ingressClasses = resource('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', false);
const runtimeClasses = resource('node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass', false);

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const object = (apiVersion: string, kind: string, name: string, namespace: string, rest: Fields = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  ...rest,
});

async function namespace(name: string): Promise<string> {
  await cluster.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return name;
}

/** Makes a quota, and waits until it is worked out. */
async function quota(home: string, hard: Fields, rest: Fields = {}): Promise<void> {
  await cluster.client.create(quotas, object('v1', 'ResourceQuota', 'q', home, { spec: { hard, ...rest } }));
  await used(home, (amounts) => Object.keys(hard).every((name) => amounts[name] !== undefined));
}

async function used(home: string, wanted: (amounts: Record<string, string>) => boolean): Promise<void> {
  await expect
    .poll(async () => {
      const { status } = await cluster.client.get(quotas, { namespace: home, name: 'q' });
      return wanted((status?.['used'] ?? {}) as Record<string, string>);
    })
    .toBe(true);
}

const pod = (name: string, home: string, resources: Fields = {}, spec: Fields = {}): KubeObject =>
  object('v1', 'Pod', name, home, { spec: { containers: [{ name: 'app', image: 'app:1', resources }], ...spec } });

async function refusal(write: Promise<unknown>): Promise<string> {
  try {
    await write;
  } catch (error) {
    if (error instanceof ApiError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'allowed';
}

describe('quotas', () => {
  it('are never exceeded, however many write at once, and have room again after a delete', async () => {
    const home = await namespace('q-count');
    await quota(home, { pods: '3', 'count/configmaps': '5' });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => refusal(cluster.client.create(pods, pod(`p${i}`, home)))),
    );
    expect(answers.filter((answer) => answer === 'allowed')).toHaveLength(3);
    expect(answers.find((answer) => answer !== 'allowed')).toMatch(
      /^403 pods "p\d+" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3$/,
    );
    const [first] = (await cluster.client.list(pods, { namespace: home })).items;
    await cluster.client.delete(pods, { namespace: home, name: first?.metadata.name ?? '' }, { gracePeriodSeconds: 0 });
    await used(home, (amounts) => amounts['pods'] === '2');
    expect(await refusal(cluster.client.create(pods, pod('again', home)))).toBe('allowed');
    await used(home, (amounts) => amounts['pods'] === '3');
  });

  it('charge nothing for what is only tried, or not stored', async () => {
    const home = await namespace('q-dry');
    await quota(home, { 'count/configmaps': '3', configmaps: '3' });
    await used(home, (amounts) => amounts['configmaps'] === '1');
    const map = (name: string): KubeObject => object('v1', 'ConfigMap', name, home);
    await cluster.client.create(configMaps, map('a'), { dryRun: true });
    await cluster.client.create(configMaps, map('a'));
    expect(await refusal(cluster.client.create(configMaps, map('a')))).toMatch(/^409 /);
    await used(home, (amounts) => amounts['configmaps'] === '2' && amounts['count/configmaps'] === '2');
    expect(await refusal(cluster.client.create(configMaps, map('b')))).toBe('allowed');
    expect(await refusal(cluster.client.create(configMaps, map('c')))).toBe(
      '403 configmaps "c" is forbidden: exceeded quota: q, requested: configmaps=1,count/configmaps=1, used: configmaps=3,count/configmaps=3, limited: configmaps=3,count/configmaps=3',
    );
  });

  it('sum up what pods ask for, which they have to say', async () => {
    const home = await namespace('q-compute');
    await quota(home, { 'requests.cpu': '1', 'limits.memory': '1Gi', 'requests.nvidia.com/gpu': '1' });
    expect(await refusal(cluster.client.create(pods, pod('p', home, { requests: { cpu: '100m' } })))).toBe(
      '403 pods "p" is forbidden: failed quota: q: must specify limits.memory for: app',
    );
    const asking = {
      requests: { cpu: '600m', 'nvidia.com/gpu': '1' },
      limits: { memory: '256Mi', 'nvidia.com/gpu': '1' },
    };
    await cluster.client.create(pods, pod('p', home, asking));
    await used(home, (amounts) => amounts['requests.cpu'] === '600m' && amounts['limits.memory'] === '256Mi');
    expect(await refusal(cluster.client.create(pods, pod('q', home, asking)))).toBe(
      '403 pods "q" is forbidden: exceeded quota: q, requested: requests.cpu=600m,requests.nvidia.com/gpu=1, used: requests.cpu=600m,requests.nvidia.com/gpu=1, limited: requests.cpu=1,requests.nvidia.com/gpu=1',
    );
  });

  it('look only at pods in their scopes', async () => {
    const home = await namespace('q-scope');
    await quota(home, { pods: '0' }, { scopes: ['BestEffort'] });
    expect(await refusal(cluster.client.create(pods, pod('effort', home)))).toMatch(/exceeded quota/);
    expect(await refusal(cluster.client.create(pods, pod('said', home, { requests: { cpu: '1m' } })))).toBe('allowed');
  });

  it('count node ports, load balancers, and storage by class', async () => {
    const home = await namespace('q-kinds');
    await quota(home, {
      'services.nodeports': '1',
      'requests.storage': '3Gi',
      'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
    });
    const service = (name: string, ports: number[]): KubeObject =>
      object('v1', 'Service', name, home, {
        spec: { type: 'NodePort', ports: ports.map((port) => ({ name: `p${port}`, port })) },
      });
    expect(await refusal(cluster.client.create(services, service('two', [1, 2])))).toBe(
      '403 services "two" is forbidden: exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
    );
    expect(await refusal(cluster.client.create(services, service('one', [1])))).toBe('allowed');
    expect(await refusal(cluster.client.create(claims, claim('big', home, '2Gi', 'gold')))).toBe(
      '403 persistentvolumeclaims "big" is forbidden: exceeded quota: q, requested: gold.storageclass.storage.k8s.io/requests.storage=2Gi, used: gold.storageclass.storage.k8s.io/requests.storage=0, limited: gold.storageclass.storage.k8s.io/requests.storage=1Gi',
    );
    expect(await refusal(cluster.client.create(claims, claim('big', home, '2Gi', 'iron')))).toBe('allowed');
  });
});

function claim(name: string, home: string, storage: string, storageClassName?: string): KubeObject {
  return object('v1', 'PersistentVolumeClaim', name, home, {
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage } },
      ...(storageClassName ? { storageClassName } : {}),
    },
  });
}

describe('limit ranges', () => {
  it('say what containers do not, and hold them to their bounds', async () => {
    const home = await namespace('l-container');
    const limits = [
      {
        type: 'Container',
        default: { cpu: '200m' },
        defaultRequest: { cpu: '100m' },
        max: { cpu: '1' },
        min: { cpu: '50m' },
      },
      { type: 'Pod', max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '4' } },
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
    ];
    await cluster.client.create(limitRanges, object('v1', 'LimitRange', 'l', home, { spec: { limits } }));
    const made = await cluster.client.create(pods, pod('p', home));
    expect(made.metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu request for container app; cpu limit for container app',
    );
    const [container] = (made.spec?.['containers'] ?? []) as Fields[];
    expect(container?.['resources']).toEqual({
      requests: { cpu: '100m' },
      limits: { cpu: '200m' },
    });
    const asking = (request: string, limit: string) =>
      refusal(cluster.client.create(pods, pod('q', home, { requests: { cpu: request }, limits: { cpu: limit } })));
    expect(await asking('10m', '40m')).toBe(
      '403 pods "q" is forbidden: minimum cpu usage per Container is 50m, but request is 10m',
    );
    expect(await asking('500m', '2')).toBe(
      '403 pods "q" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    );
    expect(await asking('100m', '1')).toBe(
      '403 pods "q" is forbidden: cpu max limit to request ratio per Pod is 4, but provided ratio is 10.000000',
    );
    expect(await refusal(cluster.client.create(claims, claim('small', home, '512Mi')))).toBe(
      '403 persistentvolumeclaims "small" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 512Mi',
    );
  });
});

describe('storage', () => {
  it('gets the default class, and stays while a pod uses it', async () => {
    const home = await namespace('s-use');
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await cluster.client.create(storageClasses, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'usual', annotations },
      provisioner: 'example.com/disk',
    });
    const made = await cluster.client.create(claims, claim('data', home, '1Gi'));
    expect(made.spec?.['storageClassName']).toBe('usual');
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    await cluster.client.create(pods, pod('user', home, {}, { volumes }));
    await cluster.client.delete(claims, { namespace: home, name: 'data' });
    expect(
      (await cluster.client.get(claims, { namespace: home, name: 'data' })).metadata.deletionTimestamp,
    ).toBeDefined();
    await cluster.client.delete(pods, { namespace: home, name: 'user' }, { gracePeriodSeconds: 0 });
    await expect.poll(() => cluster.client.find(claims, { namespace: home, name: 'data' })).toBeUndefined();
    const grown = await cluster.client.create(claims, claim('grows', home, '1Gi'));
    const larger = { ...grown, spec: { ...grown.spec, resources: { requests: { storage: '2Gi' } } } };
    expect(await refusal(cluster.client.update(claims, larger))).toMatch(/^4(03|22) /);
  });
});

describe('other defaults', () => {
  it('ingresses get the default class, and pods what their runtime class costs', async () => {
    const home = await namespace('d-classes');
    await cluster.client.create(ingressClasses, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'usual', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
      spec: { controller: 'example.com/ingress' },
    });
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const ingress = object('networking.k8s.io/v1', 'Ingress', 'i', home, { spec: { defaultBackend: backend } });
    expect((await cluster.client.create(ingresses, ingress)).spec?.['ingressClassName']).toBe('usual');
    await cluster.client.create(runtimeClasses, {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: 'sandboxed' },
      handler: 'runsc',
      overhead: { podFixed: { cpu: '250m' } },
      scheduling: { nodeSelector: { sandbox: 'yes' } },
    });
    const made = await cluster.client.create(pods, pod('p', home, {}, { runtimeClassName: 'sandboxed' }));
    expect(made.spec).toMatchObject({ overhead: { cpu: '250m' }, nodeSelector: { sandbox: 'yes' } });
    expect(await refusal(cluster.client.create(pods, pod('q', home, {}, { runtimeClassName: 'gone' })))).toBe(
      '403 pods "q" is forbidden: pod rejected: RuntimeClass "gone" not found',
    );
    expect(await refusal(cluster.client.create(pods, pod('q', home, {}, { overhead: { cpu: '1' } })))).toBe(
      '403 pods "q" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    );
  });
});
