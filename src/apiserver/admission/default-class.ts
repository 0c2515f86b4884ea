import type { Fields, KubeObject } from '../../machinery/index.ts';
import type { GroupResource } from '../contracts.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, isOperationOn } from './request.ts';

const STORAGE_CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' };
const INGRESS_CLASSES = { group: 'networking.k8s.io', resource: 'ingressclasses' };
const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';
const oldIngressClass = 'kubernetes.io/ingress.class';
const defaultStorage = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];
const defaultIngress = ['ingressclass.kubernetes.io/is-default-class'];

/** The newest class that an annotation makes the default; of those of one moment the first by name. */
function defaultClass(store: Store, classes: GroupResource, annotations: readonly string[]): string | undefined {
  const isDefault = ({ metadata }: KubeObject): boolean =>
    annotations.some((key) => metadata.annotations?.[key] === 'true');
  let newest: KubeObject | undefined;
  for (const { object } of store.cache(classes).entries.from('')) {
    if (!isDefault(object)) continue;
    const time = object.metadata.creationTimestamp ?? '';
    if (!newest || time > (newest.metadata.creationTimestamp ?? '')) newest = object;
  }
  return newest?.metadata.name;
}

/** Gives volume claims that name no class the default one. */
export function defaultStorageClass(store: Store): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    mutate(request) {
      if (!isOperationOn(request, 'CREATE', '', 'persistentvolumeclaims')) return;
      const { metadata, spec } = request.object;
      if (metadata.annotations?.[betaStorageClass] !== undefined || spec?.['storageClassName'] !== undefined) return;
      setClass(request.object, 'storageClassName', defaultClass(store, STORAGE_CLASSES, defaultStorage));
    },
  };
}

/** Gives ingresses that name no class the default one. */
export function defaultIngressClass(store: Store): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    mutate(request) {
      if (!isOperationOn(request, 'CREATE', 'networking.k8s.io', 'ingresses')) return;
      const { metadata, spec } = request.object;
      if (metadata.annotations?.[oldIngressClass] !== undefined || spec?.['ingressClassName'] !== undefined) return;
      setClass(request.object, 'ingressClassName', defaultClass(store, INGRESS_CLASSES, defaultIngress));
    },
  };
}

function setClass(object: KubeObject, key: string, name: string | undefined): void {
  if (name === undefined) return;
  const spec: Fields = object.spec ?? {};
  spec[key] = name;
  object.spec = spec;
}
