import {
  compareText,
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type ObjectMeta,
  requiredValue,
  type StatusCause,
  timestamp,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, isGiven, nanosOf } from '../checks.ts';
import { ensureObject, objectAt, setDefault, textAt, textsAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { nodeSelectorErrors } from '../node-selector-errors.ts';
import { defaultVolumeSource, volumeSourceErrors, volumeSourceOf } from './persistent-volume-sources.ts';
import { volumeSourceDiff } from './spec-diffs.ts';

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];
const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

/** Fills in the defaults of a volume's spec, in place: those of a volume that an attachment describes, too. */
export function defaultPersistentVolumeSpec(spec: Fields): void {
  setDefault(spec, 'persistentVolumeReclaimPolicy', 'Retain');
  setDefault(spec, 'volumeMode', 'Filesystem');
  defaultVolumeSource(spec);
}

export const persistentVolumeStrategy: KindStrategy = {
  applyDefaults(volume) {
    defaultPersistentVolumeSpec(ensureObject(volume, 'spec'));
  },
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: timestamp() };
  },
  subresources: { status: { prepareForUpdate: stampPhase } },
  warnings({ metadata, spec }) {
    if (spec?.['persistentVolumeReclaimPolicy'] !== 'Recycle') return storageClassWarnings(metadata);
    const advice = 'Instead, the recommended approach is to use dynamic provisioning.';
    return [
      ...storageClassWarnings(metadata),
      `spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. ${advice}`,
    ];
  },
  validate(volume, old) {
    const spec = volume.spec ?? {};
    const errors = [...persistentVolumeSpecErrors(spec, 'spec', volume.metadata.name), ...mountOptionErrors(volume)];
    return old ? [...errors, ...changeErrors(spec, old.spec ?? {})] : errors;
  },
};

/** Notes when a volume went from one phase to the next, in place, unless its controller says so itself. */
function stampPhase(volume: KubeObject, old: KubeObject): void {
  const status = ensureObject(volume, 'status');
  setDefault(status, 'phase', 'Pending');
  const [time, before] = [textAt(status, 'lastPhaseTransitionTime'), textAt(old.status, 'lastPhaseTransitionTime')];
  const moves = textAt(status, 'phase') !== textAt(old.status, 'phase');
  if (moves && (time === '' || time === before)) status['lastPhaseTransitionTime'] = timestamp();
  else if (!moves && time === '' && before !== '') status['lastPhaseTransitionTime'] = before;
}

/** Warns of a class that an annotation names, where a field should. */
export function storageClassWarnings({ annotations }: ObjectMeta): string[] {
  const key = 'volume.beta.kubernetes.io/storage-class';
  if (annotations?.[key] === undefined) return [];
  return [`metadata.annotations[${key}]: deprecated since v1.8; use "storageClassName" attribute instead`];
}

/** What is wrong with a list of access modes; one that excludes all others stands alone. */
export function accessModeErrors(spec: Fields, path: string): StatusCause[] {
  const modes = textsAt(spec, 'accessModes');
  const errors = modes
    .filter((mode) => !accessModes.includes(mode))
    .map((mode) => unsupportedValue(path, mode, accessModes));
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode));
  if (modes.includes('ReadWriteOncePod') && others) {
    errors.push(forbiddenValue(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

/** @param name the volume's; '' for one that stands in a VolumeAttachment instead of on its own. */
export function persistentVolumeSpecErrors(spec: Fields, path: string, name: string): StatusCause[] {
  const inline = name === '';
  const errors = inline ? inlineErrors(spec, path) : [];
  if (textsAt(spec, 'accessModes').length === 0) errors.push(requiredValue(`${path}.accessModes`));
  errors.push(...accessModeErrors(spec, `${path}.accessModes`));
  if (!inline) errors.push(...capacityErrors(objectAt(spec, 'capacity') ?? {}, `${path}.capacity`));
  const policy = textAt(spec, 'persistentVolumeReclaimPolicy');
  const policyPath = `${path}.persistentVolumeReclaimPolicy`;
  if (inline && policy !== '' && policy !== 'Retain') {
    errors.push(forbiddenValue(policyPath, 'may only be Retain in the context of inline volumes'));
  } else if (!inline && !reclaimPolicies.includes(policy)) {
    errors.push(unsupportedValue(policyPath, policy, reclaimPolicies));
  }
  errors.push(...affinityErrors(spec, `${path}.nodeAffinity`, inline), ...volumeSourceErrors(spec, path, name));
  const hostPath = textAt(objectAt(spec, 'hostPath'), 'path');
  if (policy === 'Recycle' && /^\/+(\.?\/*)*$/.test(hostPath)) {
    errors.push(forbiddenValue(policyPath, "may not be 'recycle' for a hostPath mount of '/'"));
  }
  return [...errors, ...classErrors(spec, path, inline)];
}

function inlineErrors(spec: Fields, path: string): StatusCause[] {
  const detail = 'may not be specified in the context of inline volumes';
  const errors = ['claimRef', 'capacity']
    .filter((key) => isGiven(spec[key]))
    .map((key) => forbiddenValue(`${path}.${key}`, detail));
  if (!objectAt(spec, 'csi')) {
    errors.push(requiredValue(`${path}.csi`, 'has to be specified in the context of inline volumes'));
  }
  return errors;
}

function capacityErrors(capacity: Fields, path: string): StatusCause[] {
  const amounts = Object.entries(capacity).sort(([a], [b]) => compareText(a, b));
  const errors = amounts.length === 0 ? [requiredValue(path)] : [];
  if (!Object.hasOwn(capacity, 'storage') || amounts.length > 1) {
    const value = amounts.length === 0 ? undefined : Object.fromEntries(amounts);
    errors.push({ ...unsupportedValue(path, '', ['storage']), message: unsupportedMessage(value) });
  }
  for (const [name, amount] of amounts) {
    const at = `${path}[${name}]`;
    const nanos = nanosOf(amount);
    if (nanos < 0n) {
      errors.push(invalidValue(at, Number(nanos / 1_000_000_000n), 'must be a valid resource quantity'));
    }
    if (nanos <= 0n) errors.push(invalidValue(at, String(amount), 'must be greater than zero'));
  }
  return errors;
}

const unsupportedMessage = (value: unknown): string =>
  `Unsupported value: ${JSON.stringify(value ?? null)}: supported values: "storage"`;

function affinityErrors(spec: Fields, path: string, inline: boolean): StatusCause[] {
  const affinity = objectAt(spec, 'nodeAffinity');
  if (!affinity) return [];
  if (inline) return [forbiddenValue(path, 'may not be specified in the context of inline volumes')];
  const required = objectAt(affinity, 'required');
  if (!required) return [requiredValue(`${path}.required`, 'must specify required node constraints')];
  return nodeSelectorErrors(required, `${path}.required`);
}

function classErrors(spec: Fields, path: string, inline: boolean): StatusCause[] {
  const [className, mode] = [textAt(spec, 'storageClassName'), textAt(spec, 'volumeMode')];
  const errors: StatusCause[] = [];
  if (className !== '' && inline) {
    errors.push(forbiddenValue(`${path}.storageClassName`, 'may not be specified in the context of inline volumes'));
  } else if (className !== '') {
    errors.push(...invalidAll(`${path}.storageClassName`, className, dnsSubdomainErrors(className)));
  }
  if (inline && mode !== '' && mode !== 'Filesystem') {
    const detail = 'may not specify volumeMode other than Filesystem in the context of inline volumes';
    errors.push(forbiddenValue(`${path}.volumeMode`, detail));
  } else if (!inline && !volumeModes.includes(mode)) {
    errors.push(unsupportedValue(`${path}.volumeMode`, mode, volumeModes));
  }
  const attributes = spec['volumeAttributesClassName'];
  if (typeof attributes !== 'string' || inline) return errors;
  const at = `${path}.volumeAttributesClassName`;
  errors.push(
    ...(attributes === ''
      ? [requiredValue(at, 'an empty string is disallowed')]
      : invalidAll(at, attributes, dnsSubdomainErrors(attributes))),
  );
  if (!objectAt(spec, 'csi')) {
    errors.push(requiredValue(`${path}.csi`, 'has to be specified when using volumeAttributesClassName'));
  }
  return errors;
}

const mountable = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
];
const mountableToo = ['cephfs', 'azureFile', 'vsphereVolume', 'azureDisk', 'photonPersistentDisk'];
const mountOptions = 'volume.beta.kubernetes.io/mount-options';

function mountOptionErrors({ metadata, spec }: KubeObject): StatusCause[] {
  if (metadata.annotations?.[mountOptions] === undefined) return [];
  if ([...mountable, ...mountableToo].some((key) => objectAt(spec, key))) return [];
  const detail = 'may not specify mount options for this volume type';
  return [forbiddenValue(`metadata.annotations.${mountOptions}`, detail)];
}

function changeErrors(spec: Fields, old: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  if (!equalJson(comparableSource(spec, old), volumeSourceOf(old))) {
    const diff = volumeSourceDiff(volumeSourceOf(old), comparableSource(spec, old));
    const detail = `spec.persistentvolumesource is immutable after creation\n${diff}`;
    errors.push(forbiddenValue('spec.persistentvolumesource', detail));
  }
  errors.push(...immutableFieldErrors(spec, old, 'volumeMode'));
  if (objectAt(old, 'nodeAffinity') && !equalJson(spec['nodeAffinity'], old['nodeAffinity'])) {
    const detail = 'field is immutable, except for updating from beta label to GA';
    errors.push(invalidValue('nodeAffinity', spec['nodeAffinity'], detail));
  }
  if (old['volumeAttributesClassName'] !== undefined && spec['volumeAttributesClassName'] === undefined) {
    const detail = 'update from non-nil value to nil is forbidden';
    errors.push(forbiddenValue('spec.volumeAttributesClassName', detail));
  }
  return errors;
}

/** A CSI volume may be given the secret that expanding it needs, once. */
function comparableSource(spec: Fields, old: Fields): Fields {
  const source = volumeSourceOf(spec);
  const [csi, before] = [objectAt(source, 'csi'), objectAt(old, 'csi')];
  if (!csi || !before || before['controllerExpandSecretRef'] !== undefined) return source;
  const { controllerExpandSecretRef: _, ...rest } = csi;
  return { ...source, csi: rest };
}
