import type { Fields } from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import { addsForbidden, CONFINED, seccompProfile } from './baseline.ts';
import {
  type Check,
  containers,
  containersWhere,
  exceptOnWindows,
  type PodLike,
  plural,
  quotedList,
  securityOf,
  setters,
  sorted,
  type Violation,
} from './check.ts';

function allowPrivilegeEscalation(pod: PodLike): Violation | undefined {
  const names = containersWhere(pod, (container) => securityOf(container)?.['allowPrivilegeEscalation'] !== false);
  if (names.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containers(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

const NET_BIND_SERVICE = new Set(['NET_BIND_SERVICE']);

function capabilities(pod: PodLike): Violation | undefined {
  const keeping = containersWhere(
    pod,
    (container) => !textsAt(objectAt(securityOf(container), 'capabilities'), 'drop').includes('ALL'),
  );
  const adding = addsForbidden(pod, NET_BIND_SERVICE, '');
  const details = [
    ...(keeping.length > 0 ? [`${containers(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding ? [adding.detail] : []),
  ];
  return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
}

/** Volumes that hold nothing of the node's. */
const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];
/** The others, as API fields. */
const OTHER_VOLUMES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
];

function volumes({ spec }: PodLike): Violation | undefined {
  const bad = objectsAt(spec, 'volumes').filter((volume) => !VOLUMES.some((type) => objectAt(volume, type)));
  if (bad.length === 0) return undefined;
  const names = bad.map((volume) => textAt(volume, 'name'));
  const types = sorted(bad.map((volume) => OTHER_VOLUMES.find((type) => objectAt(volume, type)) ?? 'unknown'));
  const what = plural(types, 'restricted volume type');
  return {
    reason: 'restricted volume types',
    detail: `${plural(names, 'volume')} ${quotedList(names)} ${plural(names, 'uses', 'use')} ${what} ${quotedList(types)}`,
  };
}

/** The containers that leave to chance what neither they nor their pod set. */
function unset(pod: PodLike, isSet: (security: Fields | undefined) => boolean): string[] {
  return isSet(securityOf(pod.spec)) ? [] : containersWhere(pod, (container) => !isSet(securityOf(container)));
}

function runAsNonRoot(pod: PodLike): Violation | undefined {
  const reason = 'runAsNonRoot != true';
  const who = setters(pod, (security) => security['runAsNonRoot'] === false);
  if (who !== '') return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const names = unset(pod, (security) => security?.['runAsNonRoot'] === true);
  if (names.length === 0) return undefined;
  return { reason, detail: `pod or ${containers(names)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: PodLike): Violation | undefined {
  const who = setters(pod, (security) => security['runAsUser'] === 0);
  return who === '' ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
}

function seccomp(pod: PodLike): Violation | undefined {
  const bad = seccompProfile(pod);
  if (bad) return bad;
  const names = unset(pod, (security) => CONFINED.has(textAt(objectAt(security, 'seccompProfile'), 'type')));
  if (names.length === 0) return undefined;
  const wanted = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  return { reason: 'seccompProfile', detail: `pod or ${containers(names)} ${wanted}` };
}

/** What hardened pods do besides, in the order of their ids. */
export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      [8, allowPrivilegeEscalation],
      [25, exceptOnWindows(allowPrivilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    overrides: 'capabilities_baseline',
    versions: [
      [22, capabilities],
      [25, exceptOnWindows(capabilities)],
    ],
  },
  { id: 'restrictedVolumes', overrides: 'hostPathVolumes', versions: [[0, volumes]] },
  { id: 'runAsNonRoot', versions: [[0, runAsNonRoot]] },
  { id: 'runAsUser', versions: [[23, runAsUser]] },
  {
    id: 'seccompProfile_restricted',
    overrides: 'seccompProfile_baseline',
    versions: [
      [19, seccomp],
      [25, exceptOnWindows(seccomp)],
    ],
  },
];
