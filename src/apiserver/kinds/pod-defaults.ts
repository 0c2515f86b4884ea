import { canonicalQuantity, type Fields, quantityError } from '../../machinery/index.ts';
import { ensureObject, objectAt, objectsAt, setDefault, textAt } from './fields.ts';

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
  for (const container of allContainers(spec)) defaultContainer(container, spec['hostNetwork'] === true);
  for (const volume of objectsAt(spec, 'volumes')) defaultVolume(volume);
}

/** What only a pod itself gets, not a template: requests from limits, and service links. */
export function defaultPod(spec: Fields): void {
  if (spec['enableServiceLinks'] === undefined) spec['enableServiceLinks'] = true;
  for (const container of [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')]) {
    const resources = objectAt(container, 'resources');
    const limits = objectAt(resources, 'limits');
    if (!resources || !limits) continue;
    const requests = ensureObject(resources, 'requests');
    for (const [name, limit] of Object.entries(limits)) setDefault(requests, name, limit);
  }
}

/** True for an image without a tag and digest, or tagged latest: it may change under its name. */
function isFloating(image: string): boolean {
  if (image.includes('@')) return false;
  const name = image.slice(image.lastIndexOf('/') + 1);
  return !name.includes(':') || name.endsWith(':latest');
}

function defaultContainer(container: Fields, hostNetwork: boolean): void {
  setDefault(container, 'imagePullPolicy', isFloating(textAt(container, 'image')) ? 'Always' : 'IfNotPresent');
  setDefault(container, 'terminationMessagePath', '/dev/termination-log');
  setDefault(container, 'terminationMessagePolicy', 'File');
  const resources = ensureObject(container, 'resources');
  for (const key of ['limits', 'requests']) canonicalize(objectAt(resources, key));
  for (const port of objectsAt(container, 'ports')) {
    setDefault(port, 'protocol', 'TCP');
    if (hostNetwork && !port['hostPort']) port['hostPort'] = port['containerPort'];
  }
  for (const key of ['livenessProbe', 'readinessProbe', 'startupProbe']) defaultProbe(objectAt(container, key));
  const lifecycle = objectAt(container, 'lifecycle');
  for (const hook of ['postStart', 'preStop']) defaultHttpGet(objectAt(objectAt(lifecycle, hook), 'httpGet'));
  for (const variable of objectsAt(container, 'env')) {
    const reference = objectAt(objectAt(variable, 'valueFrom'), 'fieldRef');
    if (reference) setDefault(reference, 'apiVersion', 'v1');
  }
}

/** Spells quantities as kube-apiserver stores them; one that is none is left to validation. */
function canonicalize(quantities: Fields | undefined): void {
  for (const [name, quantity] of Object.entries(quantities ?? {})) {
    if (quantities && quantityError(quantity) === undefined) quantities[name] = canonicalQuantity(String(quantity));
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

const sources = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'gitRepo',
  'glusterfs',
  'hostPath',
  'image',
  'iscsi',
  'nfs',
  'persistentVolumeClaim',
  'photonPersistentDisk',
  'portworxVolume',
  'projected',
  'quobyte',
  'rbd',
  'scaleIO',
  'secret',
  'storageos',
  'vsphereVolume',
] as const;

/** The sources that a volume names; it should be one. */
export function volumeSources(volume: Fields): string[] {
  return sources.filter((source) => objectAt(volume, source) !== undefined);
}

const defaultMode = 0o644;

function defaultVolume(volume: Fields): void {
  if (volumeSources(volume).length === 0) volume['emptyDir'] = {};
  for (const source of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    const fields = objectAt(volume, source);
    if (fields && fields['defaultMode'] === undefined) fields['defaultMode'] = defaultMode;
  }
  const hostPath = objectAt(volume, 'hostPath');
  if (hostPath && hostPath['type'] === undefined) hostPath['type'] = '';
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
