import { type Fields, forbidden, groupResource, type KubeObject, parseQuantity } from '../../machinery/index.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, isOperationOn } from './request.ts';

const STORAGE_CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' };
const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';

const protections: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
  'volumeattributesclasses.storage.k8s.io': 'kubernetes.io/vac-protection',
};

/** Keeps volumes, their claims and their classes from going while they are in use: a controller lets them go later. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate({ operation, registration, object: { metadata }, subresource }) {
    if (operation !== 'CREATE' || subresource !== undefined || registration.custom) return;
    const id = groupResource(registration.served);
    const finalizer = Object.hasOwn(protections, id) ? protections[id] : undefined;
    if (finalizer === undefined || metadata.finalizers?.includes(finalizer)) return;
    metadata.finalizers = [...(metadata.finalizers ?? []), finalizer];
  },
};

/** Lets a claim grow only when it is bound, and its class says that its volumes can. */
export function persistentVolumeClaimResize(store: Store): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    validate(request) {
      const { object, old, registration } = request;
      if (!old || !isOperationOn(request, 'UPDATE', '', 'persistentvolumeclaims')) return;
      if (sizeOf(object) <= sizeOf(old)) return;
      const refuse = (why: string): never => {
        throw forbidden(registration.served, object.metadata.name, why);
      };
      if (old.status?.['phase'] !== 'Bound') refuse('Only bound persistent volume claims can be expanded');
      if (!mayGrow(store, classOf(object), classOf(old))) {
        refuse(
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
      }
    },
  };
}

function sizeOf({ spec }: KubeObject): bigint {
  const resources = spec?.['resources'] as { requests?: Fields } | undefined;
  const storage = resources?.requests?.['storage'];
  return storage === undefined ? 0n : parseQuantity(String(storage)).nanos;
}

const classOf = ({ metadata, spec }: KubeObject): string =>
  metadata.annotations?.[betaStorageClass] ?? String(spec?.['storageClassName'] ?? '');

function mayGrow(store: Store, name: string, before: string): boolean {
  if (name === '' || name !== before) return false;
  return store.latest(STORAGE_CLASSES, { namespace: '', name })?.object['allowVolumeExpansion'] === true;
}
