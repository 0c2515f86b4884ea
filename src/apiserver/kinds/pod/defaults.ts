import { type Fields, formatQuantity } from '../../../machinery/index.ts';
import { ensureObject, objectAt, objectsAt, setDefault, textAt } from '../fields.ts';
import { aggregate } from './resources.ts';

/** The containers of a pod's spec, of every kind. */
export function allContainers(spec: Fields | undefined): Fields[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) => objectsAt(spec, key));
}

/** Fills in the defaults of a pod's spec, in place (core/v1 SetDefaults_PodSpec and those below it). */
export function defaultPodSpec(spec: Fields): void {
  setDefault(spec, 'dnsPolicy', 'ClusterFirst');
  setDefault(spec, 'restartPolicy', 'Always');
  setDefault(spec, 'terminationGracePeriodSeconds', 30);
  setDefault(spec, 'schedulerName', 'default-scheduler');
  ensureObject(spec, 'securityContext');
  const account = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount');
  if (account !== '') Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  for (const container of allContainers(spec)) defaultContainer(container);
  for (const volume of objectsAt(spec, 'volumes')) defaultVolume(volume);
  dropDisabled(spec);
}

/** Takes out what is behind feature gates that are off in this version, in place. */
function dropDisabled(spec: Fields): void {
  for (const key of ['initContainers', 'containers', 'ephemeralContainers']) {
    for (const container of objectsAt(spec, key)) {
      delete container['restartPolicyRules'];
      if (key !== 'initContainers' || container['restartPolicy'] !== 'Always') delete container['restartPolicy'];
      dropStopSignal(container);
      for (const variable of objectsAt(container, 'env')) delete objectAt(variable, 'valueFrom')?.['fileKeyRef'];
    }
  }
  delete spec['hostnameOverride'];
  dropImageVolumes(spec);
  for (const volume of objectsAt(spec, 'volumes')) {
    for (const source of objectsAt(objectAt(volume, 'projected'), 'sources')) {
      delete source['clusterTrustBundle'];
      delete source['podCertificate'];
    }
  }
}

/** Volumes that are images, with their mounts. */
function dropImageVolumes(spec: Fields): void {
  const images = objectsAt(spec, 'volumes').filter((volume) => volume['image'] !== undefined);
  if (images.length === 0) return;
  const names = new Set(images.map(({ name }) => name));
  keepOnly(spec, 'volumes', ({ name }) => !names.has(name));
  for (const container of allContainers(spec)) keepOnly(container, 'volumeMounts', ({ name }) => !names.has(name));
}

function keepOnly(fields: Fields, list: string, wanted: (item: Fields) => boolean): void {
  const kept = objectsAt(fields, list).filter(wanted);
  if (kept.length > 0) fields[list] = kept;
  else delete fields[list];
}

function dropStopSignal(container: Fields): void {
  const lifecycle = objectAt(container, 'lifecycle');
  if (lifecycle?.['stopSignal'] === undefined) return;
  delete lifecycle['stopSignal'];
  if (Object.keys(lifecycle).length === 0) delete container['lifecycle'];
}

/** What only a pod itself gets, not a template: requests from limits, service links, the ports of the host. */
export function defaultPod(spec: Fields): void {
  if (Number(spec['terminationGracePeriodSeconds']) < 0) spec['terminationGracePeriodSeconds'] = 1;
  if (spec['enableServiceLinks'] === undefined) spec['enableServiceLinks'] = true;
  for (const container of [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')]) {
    const resources = objectAt(container, 'resources');
    const limits = objectAt(resources, 'limits');
    if (resources && limits) fillIn(ensureObject(resources, 'requests'), limits);
    if (spec['hostNetwork'] !== true) continue;
    for (const port of objectsAt(container, 'ports')) if (!port['hostPort']) port['hostPort'] = port['containerPort'];
  }
  const resources = objectAt(spec, 'resources');
  if (resources) defaultPodResources(spec, resources);
}

function fillIn(amounts: Fields, others: Fields): void {
  for (const [name, amount] of Object.entries(others)) setDefault(amounts, name, amount);
}

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');

/** Limits and requests of the pod as a whole that follow from those of its containers, or from each other. */
function defaultPodResources(spec: Fields, resources: Fields): void {
  const amountsOf = (key: 'requests' | 'limits', wanted: (name: string) => boolean): Fields =>
    Object.fromEntries(
      [...aggregate(spec, key)].filter(([name]) => wanted(name)).map(([name, sum]) => [name, formatQuantity(sum)]),
    );
  const isGiven = (key: string): boolean => Object.keys(objectAt(resources, key) ?? {}).length > 0;
  if (isGiven('limits') || isGiven('requests')) {
    const requested = objectAt(resources, 'requests') ?? {};
    const pages = amountsOf('limits', (name) => isHugePages(name) && requested[name] === undefined);
    if (Object.keys(pages).length > 0) fillIn(ensureObject(resources, 'limits'), pages);
  }
  if (!isGiven('limits')) return;
  const requests = ensureObject(resources, 'requests');
  fillIn(
    requests,
    amountsOf('requests', (name) => name === 'cpu' || name === 'memory'),
  );
  const limits = objectAt(resources, 'limits') ?? {};
  for (const [name, limit] of Object.entries(limits)) {
    if (name === 'cpu' || name === 'memory' || isHugePages(name)) setDefault(requests, name, limit);
  }
  if (Object.keys(requests).length === 0) delete resources['requests'];
}

/** True for an image without a tag and digest, or tagged latest: it may change under its name. */
function isFloating(image: string): boolean {
  if (image.includes('@')) return false;
  const name = image.slice(image.lastIndexOf('/') + 1);
  return !name.includes(':') || name.endsWith(':latest');
}

function defaultContainer(container: Fields): void {
  setDefault(container, 'imagePullPolicy', isFloating(textAt(container, 'image')) ? 'Always' : 'IfNotPresent');
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  ensureObject(container, 'resources');
  for (const port of objectsAt(container, 'ports')) setDefault(port, 'protocol', 'TCP');
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) defaultProbe(objectAt(container, key));
  const lifecycle = objectAt(container, 'lifecycle');
  for (const hook of ['postStart', 'preStop']) defaultHttpGet(objectAt(objectAt(lifecycle, hook), 'httpGet'));
  for (const variable of objectsAt(container, 'env')) {
    const reference = objectAt(objectAt(variable, 'valueFrom'), 'fieldRef');
    if (reference) setDefault(reference, 'apiVersion', 'v1');
  }
}

function defaultProbe(probe: Fields | undefined): void {
  if (!probe) return;
  const timings = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  for (const [key, value] of Object.entries(timings)) if (!probe[key]) probe[key] = value;
  defaultHttpGet(objectAt(probe, 'httpGet'));
  const grpc = objectAt(probe, 'grpc');
  if (grpc && grpc['service'] === undefined) grpc['service'] = '';
}

function defaultHttpGet(action: Fields | undefined): void {
  if (!action) return;
  setDefault(action, 'path', '/');
  setDefault(action, 'scheme', 'HTTP');
}

/** In the order in which kube-apiserver looks at them. */
const sources = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const;

const ranks = new Map<string, number>(sources.map((source, rank) => [source, rank]));
const byRank = (a: string, b: string): number => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0);

/** The sources that a volume names; it should be one. */
export function volumeSources(volume: Fields): string[] {
  const given = Object.keys(volume).filter((key) => ranks.has(key) && objectAt(volume, key) !== undefined);
  return given.length < 2 ? given : given.sort(byRank);
}

const defaultMode = 0o644;

/** What the fields of a source are when nobody says. */
const sourceDefaults: Readonly<Record<string, Fields>> = {
  azureDisk: { cachingMode: 'ReadWrite', fsType: 'ext4', kind: 'Shared', readOnly: false },
  hostPath: { type: '' },
  iscsi: { iscsiInterface: 'default' },
  rbd: { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' },
  scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' },
};

function defaultVolume(volume: Fields): void {
  const given = volumeSources(volume);
  if (given.length === 0) volume['emptyDir'] = {};
  for (const source of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    const fields = objectAt(volume, source);
    if (fields && fields['defaultMode'] === undefined) fields['defaultMode'] = defaultMode;
  }
  for (const source of given) {
    const fields = objectAt(volume, source) ?? {};
    for (const [key, value] of Object.entries(sourceDefaults[source] ?? {})) setDefault(fields, key, value);
  }
  const claim = objectAt(objectAt(objectAt(volume, 'ephemeral'), 'volumeClaimTemplate'), 'spec');
  if (claim) setDefault(claim, 'volumeMode', 'Filesystem');
  const image = objectAt(volume, 'image');
  if (image) setDefault(image, 'pullPolicy', isFloating(textAt(image, 'reference')) ? 'Always' : 'IfNotPresent');
  defaultDownwardItems(objectAt(volume, 'downwardAPI'));
  for (const projection of objectsAt(objectAt(volume, 'projected'), 'sources')) {
    defaultDownwardItems(objectAt(projection, 'downwardAPI'));
    const token = objectAt(projection, 'serviceAccountToken');
    if (token && !token['expirationSeconds']) token['expirationSeconds'] = 3600;
  }
}

function defaultDownwardItems(downward: Fields | undefined): void {
  for (const item of objectsAt(downward, 'items')) {
    const reference = objectAt(item, 'fieldRef');
    if (reference) setDefault(reference, 'apiVersion', 'v1');
  }
}
