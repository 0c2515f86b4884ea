import { type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { type Fields, type KubeObject, keyOf, type Resource } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { persistentVolumeClaims, persistentVolumes, pods, volumeAttributesClasses } from '../resources.ts';
import { claimsOfPod, podClaimIndex } from './indexes.ts';

/** What holds back objects of a resource that are in use, and who uses them. */
interface Protection {
  readonly resource: Resource;
  readonly finalizer: string;
  /** Other resources whose changes may set an object free, and the keys of the objects that theirs use. */
  readonly users: readonly { readonly resource: Resource; uses(object: KubeObject): string[] }[];
  inUse(object: KubeObject): boolean;
}

/** Let deleted volumes, claims and attribute classes go when nothing uses them any more. */
export function storageProtection(context: PlatformContext): Controller[] {
  const { informers } = context;
  return protections(informers).map((protection) => protector(context, protection));
}

function protections(informers: PlatformContext['informers']): Protection[] {
  const [podList, claims] = [informers.for(pods), informers.for(persistentVolumeClaims)];
  const volumes = informers.for(persistentVolumes);
  return [
    {
      resource: persistentVolumeClaims,
      finalizer: 'kubernetes.io/pvc-protection',
      users: [{ resource: pods, uses: claimsOfPod }],
      inUse: (claim) => podList.byIndex(podClaimIndex, keyOf(claim)).some(isRunning),
    },
    {
      resource: persistentVolumes,
      finalizer: 'kubernetes.io/pv-protection',
      users: [],
      inUse: ({ status }) => status?.['phase'] === 'Bound',
    },
    {
      resource: volumeAttributesClasses,
      finalizer: 'kubernetes.io/vac-protection',
      users: [persistentVolumeClaims, persistentVolumes].map((resource) => ({ resource, uses: classesOf })),
      inUse: ({ metadata }) =>
        [...claims.list(), ...volumes.list()].some((object) => classesOf(object).includes(metadata.name)),
    },
  ];
}

/** A pod that has ended uses its volumes no more. */
const isRunning = ({ status }: KubeObject): boolean =>
  status?.['phase'] !== 'Succeeded' && status?.['phase'] !== 'Failed';

function classesOf({ spec, status }: KubeObject): string[] {
  const modify = status?.['modifyVolumeStatus'] as Fields | undefined;
  return [
    spec?.['volumeAttributesClassName'],
    status?.['currentVolumeAttributesClassName'],
    modify?.['targetVolumeAttributesClassName'],
  ].filter((name) => typeof name === 'string');
}

function protector(context: PlatformContext, { resource, finalizer, users, inUse }: Protection): Controller {
  const informer = context.informers.for(resource);

  async function reconcile(key: string): Promise<undefined> {
    const object = informer.get(key);
    const { deletionTimestamp, finalizers = [] } = object?.metadata ?? {};
    if (!object || !deletionTimestamp || !finalizers.includes(finalizer) || inUse(object)) return;
    const rest = finalizers.filter((name) => name !== finalizer);
    await ignoringAbsence(
      context.client.update(resource, { ...object, metadata: { ...object.metadata, finalizers: rest } }),
    );
  }

  return createController({
    name: `${resource.resource}-protection`,
    context,
    sources: [{ resource }, ...users.map((user) => ({ resource: user.resource, keys: user.uses }))],
    reconcile,
  });
}
