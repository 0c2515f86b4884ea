import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, isGiven, nanosOf, quantityErrors, selectorErrors } from '../checks.ts';
import { ensureObject, objectAt, setDefault, textAt, textsAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';
import { accessModeErrors, storageClassWarnings, volumeModes } from './persistent-volume.ts';
import { claimSpecDiff } from './spec-diffs.ts';

const betaClass = 'volume.beta.kubernetes.io/storage-class';
const snapshotGroup = 'snapshot.storage.k8s.io';
const resizeStates = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

export const persistentVolumeClaimStrategy: KindStrategy = {
  applyDefaults(claim) {
    defaultClaimSpec(ensureObject(claim, 'spec'));
  },
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    agreeOnSource(ensureObject(claim, 'spec'), undefined);
  },
  prepareForUpdate(claim, old) {
    agreeOnSource(ensureObject(claim, 'spec'), old.spec);
  },
  warnings({ metadata, spec }) {
    const resources = objectAt(spec, 'resources');
    const fractions = ['requests', 'limits'].flatMap((key) => {
      const amount = objectAt(resources, key)?.['storage'];
      if (nanosOf(amount) % 1_000_000_000n === 0n) return [];
      const path = `spec.resources.${key}[storage]`;
      return [`${path}: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`];
    });
    return [...storageClassWarnings(metadata), ...fractions];
  },
  validate(claim, old) {
    const spec = claim.spec ?? {};
    const errors = claimSpecErrors(spec, 'spec', old?.spec);
    // Upstream looks at an updated claim twice, and says everything twice.
    return old ? [...errors, ...errors, ...changeErrors(claim, old)] : errors;
  },
  subresources: {
    status: {
      prepareForUpdate(claim) {
        setDefault(ensureObject(claim, 'status'), 'phase', 'Pending');
      },
      validate: ({ status }) => statusErrors(status ?? {}),
    },
  },
};

/** Fills in the defaults of a claim's spec, in place. */
export function defaultClaimSpec(spec: Fields): void {
  setDefault(spec, 'volumeMode', 'Filesystem');
}

const isOldSource = (source: Fields | undefined): boolean => {
  const [group, kind] = [textAt(source, 'apiGroup'), textAt(source, 'kind')];
  return (kind === 'PersistentVolumeClaim' && group === '') || (kind === 'VolumeSnapshot' && group === snapshotGroup);
};

/**
 * Makes the old and the new way of naming where a claim's data come from agree, in place. What the old way could never
 * name is dropped from it, as it always was.
 */
function agreeOnSource(spec: Fields, old: Fields | undefined): void {
  const inUse = old?.['dataSource'] !== undefined || old?.['dataSourceRef'] !== undefined;
  const source = objectAt(spec, 'dataSource');
  // Sources in other namespaces are a feature that is off by default in 1.34.
  if (textAt(objectAt(spec, 'dataSourceRef'), 'namespace') !== '') delete spec['dataSourceRef'];
  const ref = objectAt(spec, 'dataSourceRef');
  if (!inUse && !ref && source && !isOldSource(source)) delete spec['dataSource'];
  else if (source && !ref) spec['dataSourceRef'] = { ...source };
  else if (ref && !source) spec['dataSource'] = { ...ref };
  for (const key of ['dataSource', 'dataSourceRef']) {
    const reference = objectAt(spec, key);
    if (reference) reference['apiGroup'] ??= null;
  }
}

/** What is wrong with the spec of a claim, or of a claim that a template makes. */
export function claimSpecErrors(spec: Fields, path: string, old?: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  if (textsAt(spec, 'accessModes').length === 0) {
    errors.push(requiredValue(`${path}.accessModes`, 'at least 1 access mode is required'));
  }
  const selector = objectAt(spec, 'selector');
  if (selector) errors.push(...selectorErrors(selector, `${path}.selector`));
  errors.push(...accessModeErrors(spec, `${path}.accessModes`), ...requestErrors(spec, `${path}.resources[storage]`));
  const [className, mode] = [textAt(spec, 'storageClassName'), textAt(spec, 'volumeMode')];
  if (className !== '')
    errors.push(...invalidAll(`${path}.storageClassName`, className, dnsSubdomainErrors(className)));
  if (mode !== '' && !volumeModes.includes(mode)) {
    errors.push(unsupportedValue(`${path}.volumeMode`, mode, volumeModes));
  }
  errors.push(...sourceErrors(spec, path, old));
  const attributes = textAt(spec, 'volumeAttributesClassName');
  if (attributes !== '') {
    errors.push(...invalidAll(`${path}.volumeAttributesClassName`, attributes, dnsSubdomainErrors(attributes)));
  }
  return errors;
}

function requestErrors(spec: Fields, path: string): StatusCause[] {
  const storage = storageOf(spec);
  if (storage === undefined) return [requiredValue(path)];
  return nanosOf(storage) > 0n ? [] : [invalidValue(path, String(storage), 'must be greater than zero')];
}

const storageOf = (spec: Fields | undefined): unknown => objectAt(objectAt(spec, 'resources'), 'requests')?.['storage'];

function sourceErrors(spec: Fields, path: string, old: Fields | undefined): StatusCause[] {
  const [source, ref] = [objectAt(spec, 'dataSource'), objectAt(spec, 'dataSourceRef')];
  const trusted = [old?.['dataSource'], old?.['dataSourceRef']].some(
    (before) => ((before as Fields | undefined)?.['apiGroup'] ?? null) !== null,
  );
  const errors: StatusCause[] = [];
  if (source) errors.push(...referenceErrors(source, `${path}.dataSource`, trusted));
  if (!ref) return errors;
  errors.push(...referenceErrors(ref, `${path}.dataSourceRef`, trusted));
  const namespace = textAt(ref, 'namespace');
  if (namespace !== '') {
    errors.push(...invalidAll(`${path}.dataSourceRef.namespace`, namespace, dnsLabelErrors(namespace)));
  }
  if (!source) return errors;
  // The bad value is a path of upstream's own, which has no content as JSON.
  if (namespace !== '') {
    errors.push(invalidValue(path, {}, 'may not be specified when dataSourceRef.namespace is specified'));
  } else if (['apiGroup', 'kind', 'name'].some((key) => textAt(source, key) !== textAt(ref, key))) {
    errors.push(invalidValue(path, {}, 'must match dataSourceRef'));
  }
  return errors;
}

function referenceErrors(reference: Fields, path: string, trusted: boolean): StatusCause[] {
  const [name, kind, group] = [textAt(reference, 'name'), textAt(reference, 'kind'), textAt(reference, 'apiGroup')];
  const errors: StatusCause[] = [];
  if (name === '') errors.push(requiredValue(`${path}.name`));
  if (kind === '') errors.push(requiredValue(`${path}.kind`));
  if (group === '' && kind !== 'PersistentVolumeClaim') {
    const detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalidValue(path, kind, detail));
  }
  if (group === '' || trusted) return errors;
  return [...errors, ...invalidAll(`${path}.apiGroup`, group, dnsSubdomainErrors(group))];
}

function changeErrors(claim: KubeObject, old: KubeObject): StatusCause[] {
  const [spec, before] = [claim.spec ?? {}, old.spec ?? {}];
  const upgrades = classFromAnnotation(claim, old);
  const errors = upgrades ? [] : annotationErrors(claim, old);
  const compared = comparable(claim, old, upgrades);
  if (!equalJson(compared.now, compared.before)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbiddenValue('spec', `${detail}\n${claimSpecDiff(compared.before, compared.now)}`));
  }
  errors.push(...shrinkErrors(claim, old), ...immutableFieldErrors(spec, before, 'volumeMode'));
  return [...errors, ...attributesErrors(spec, before, old.status)];
}

/** True if the class that an old annotation names moves to where it belongs. */
function classFromAnnotation({ metadata, spec }: KubeObject, old: KubeObject): boolean {
  const before = old.metadata.annotations?.[betaClass];
  const now = metadata.annotations?.[betaClass];
  const unset = old.spec?.['storageClassName'] === undefined;
  return (
    before !== undefined && unset && spec?.['storageClassName'] === before && (now === undefined || now === before)
  );
}

function annotationErrors({ metadata }: KubeObject, old: KubeObject): StatusCause[] {
  const [now, before] = [metadata.annotations?.[betaClass] ?? '', old.metadata.annotations?.[betaClass] ?? ''];
  return now === before ? [] : [invalidValue(`metadata.annotations.${betaClass}`, now, 'field is immutable')];
}

/** Both specs without what may change. */
function comparable(claim: KubeObject, old: KubeObject, upgrades: boolean): { now: Fields; before: Fields } {
  const [now, before]: [Fields, Fields] = [{ ...claim.spec }, { ...old.spec }];
  if (textAt(before, 'volumeName') === '') copy(before, now, 'volumeName');
  if (upgrades) delete now['storageClassName'];
  else if (before['storageClassName'] === undefined && now['storageClassName'] !== undefined) {
    const named = old.metadata.annotations?.[betaClass];
    if (named === undefined || named === now['storageClassName']) copy(now, before, 'storageClassName');
  }
  if (textAt(claim.status, 'phase') !== 'Bound') return { now, before };
  copy(now, before, 'volumeAttributesClassName');
  const requests = objectAt(objectAt(now, 'resources'), 'requests');
  if (requests) {
    const storage = storageOf(before);
    now['resources'] = { ...objectAt(now, 'resources'), requests: { ...requests, storage } };
  }
  return { now, before };
}

function copy(to: Fields, from: Fields, key: string): void {
  if (from[key] === undefined) delete to[key];
  else to[key] = from[key];
}

function shrinkErrors(claim: KubeObject, old: KubeObject): StatusCause[] {
  const size = nanosOf(storageOf(claim.spec));
  if (size >= nanosOf(storageOf(old.spec))) return [];
  if (size > nanosOf(objectAt(old.status, 'capacity')?.['storage'])) return [];
  return [forbiddenValue('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

function attributesErrors(spec: Fields, old: Fields, status: Fields | undefined): StatusCause[] {
  const [now, before] = [spec['volumeAttributesClassName'], old['volumeAttributesClassName']];
  if (now === before || status?.['currentVolumeAttributesClassName'] === undefined) return [];
  const to = now === undefined ? 'nil' : now === '' ? 'empty string' : undefined;
  if (to === undefined) return [];
  const detail = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  return [forbiddenValue('spec.volumeAttributesClassName', detail)];
}

function statusErrors(status: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const [name, amount] of Object.entries(objectAt(status, 'capacity') ?? {})) {
    errors.push(...basicErrors(amount, `status.capacity[${name}]`));
  }
  const statesPath = 'status.allocatedResourceStatuses';
  for (const [name, state] of Object.entries(objectAt(status, 'allocatedResourceStatuses') ?? {})) {
    errors.push(...resourceKeyErrors(name, statesPath));
    if (!resizeStates.includes(String(state))) errors.push(unsupportedValue(statesPath, name, resizeStates));
  }
  for (const [name, amount] of Object.entries(objectAt(status, 'allocatedResources') ?? {})) {
    const wrong = resourceKeyErrors(name, 'status.allocatedResources');
    const at = `status.allocatedResources[${name}]`;
    if (wrong.length === 0) wrong.push(...basicErrors(amount, at));
    errors.push(...(wrong.length > 0 ? wrong : quantityErrors(amount, at)));
  }
  return errors;
}

function basicErrors(amount: unknown, path: string): StatusCause[] {
  const nanos = nanosOf(amount);
  if (!isGiven(amount) || nanos >= 0n) return [];
  return [invalidValue(path, Number(nanos / 1_000_000_000n), 'must be a valid resource quantity')];
}

function resourceKeyErrors(name: string, path: string): StatusCause[] {
  const errors = invalidAll(path, name, qualifiedNameErrors(name));
  const native = !name.includes('/') || name.includes('kubernetes.io/');
  return errors.length === 0 && native && name !== 'storage' ? [unsupportedValue(path, name, ['storage'])] : errors;
}
