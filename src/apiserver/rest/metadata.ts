import { randomInt, randomUUID } from 'node:crypto';
import {
  conflict,
  dns1035LabelErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  equalJson,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  labelValueErrors,
  type ObjectMeta,
  type OwnerReference,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  timestamp,
} from '../../machinery/index.ts';
import { annotationErrors, pathSegmentErrors, unqualifiedFinalizer } from '../kinds/index.ts';
import type { Registration } from '../registry/registration.ts';

/** Consonants and digits that make no words (apimachinery util/rand). */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_BASE = 63 - SUFFIX_LENGTH;

/** A name for generateName: the prefix, cut to fit a label, and five random characters. */
export function generatedName(prefix: string): string {
  let suffix = '';
  for (let count = 0; count < SUFFIX_LENGTH; count++) suffix += SUFFIX_ALPHABET[randomInt(SUFFIX_ALPHABET.length)];
  return prefix.slice(0, MAX_GENERATED_BASE) + suffix;
}

/** Takes away what only the server decides about a new object, in place. */
export function forgetIdentity({ metadata }: KubeObject): void {
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete (metadata as { selfLink?: string }).selfLink;
}

/** Fills in what the server decides about a new object, in place. */
export function stampNew(object: KubeObject, registration: Registration, namespace: string): void {
  const { metadata } = object;
  if (registration.served.namespaced) metadata.namespace = namespace;
  else delete metadata.namespace;
  forgetIdentity(object);
  metadata.uid = randomUUID();
  metadata.creationTimestamp = timestamp();
  if (countsGenerations(registration)) metadata.generation = 1;
  else delete metadata.generation;
}

/** Takes away the maps and lists of metadata that are empty, in place: upstream's types do not keep them. */
export function dropEmpty({ metadata }: KubeObject): void {
  for (const field of ['labels', 'annotations'] as const) {
    if (metadata[field] && Object.keys(metadata[field]).length === 0) delete metadata[field];
  }
  for (const field of ['ownerReferences', 'finalizers'] as const) {
    if (metadata[field]?.length === 0) delete metadata[field];
  }
  if (metadata.generateName === '') delete metadata.generateName;
}

/** Puts back what an update may not change, in place. */
export function keepIdentity(object: KubeObject, old: KubeObject): void {
  const { metadata } = object;
  const kept: (keyof ObjectMeta)[] = [
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
  ];
  for (const field of kept) {
    if (field === 'uid' && metadata.uid) continue;
    if (old.metadata[field] === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: old.metadata[field] });
  }
  if (old.metadata.namespace !== undefined) metadata.namespace = old.metadata.namespace;
}

/** Built-in kinds whose strategies upstream keep metadata.generation. */
const WITH_GENERATION = new Set([
  'CronJob',
  'CustomResourceDefinition',
  'DaemonSet',
  'Deployment',
  'DeviceClass',
  'EndpointSlice',
  'FlowSchema',
  'Ingress',
  'IngressClass',
  'Job',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'MutatingWebhookConfiguration',
  'NetworkPolicy',
  'Pod',
  'PodDisruptionBudget',
  'PodTemplate',
  'PriorityLevelConfiguration',
  'ReplicaSet',
  'ReplicationController',
  'ResourceSlice',
  'StatefulSet',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

function countsGenerations({ custom, served }: Registration): boolean {
  return custom !== undefined || WITH_GENERATION.has(served.kind);
}

/** Counts a change of what the object asks for: everything but metadata, and but status where status is separate. */
export function bumpGeneration(object: KubeObject, old: KubeObject, registration: Registration): void {
  if (!countsGenerations(registration)) return;
  const ignored = new Set(['metadata', 'apiVersion', 'kind']);
  if (hasStatus(registration) || !registration.custom) ignored.add('status');
  const fields = new Set([...Object.keys(object), ...Object.keys(old)].filter((field) => !ignored.has(field)));
  const changed = fields.values().some((field) => !equalJson(object[field], old[field]));
  if (changed || registration.served.strategy?.isChanged?.(object, old))
    object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

export function hasStatus({ served }: Registration): boolean {
  return served.subresources.some(({ name }) => name === 'status');
}

const LABEL_NAMES = new Set(['Namespace', 'StatefulSet']);
const LABEL_1035_NAMES = new Set(['Service']);
const PATH_NAMES = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding', 'PodDisruptionBudget']);

/** What is wrong with a name, or with a prefix that a name is to be made from (upstream's ValidateNameFunc). */
function nameErrors(kind: string, text: string, prefix: boolean): string[] {
  const paths = PATH_NAMES.has(kind);
  // What is put behind a prefix makes good its last dash.
  const name = prefix && !paths ? text.replace(/.-$/, 'a') : text;
  if (LABEL_NAMES.has(kind)) return dnsLabelErrors(name);
  if (LABEL_1035_NAMES.has(kind)) return dns1035LabelErrors(name);
  if (paths) return pathSegmentErrors(name, prefix);
  return dnsSubdomainErrors(name);
}

/** Groups of built-in kinds whose finalizers may have any name: upstream checks those of all others once more. */
const ANY_FINALIZER = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'policy',
]);

/** What is wrong with an object's metadata, as upstream's ValidateObjectMeta says it. */
export function metadataErrors({ metadata }: KubeObject, { served, custom }: Registration): StatusCause[] {
  const { kind, group, strategy } = served;
  const names: StatusCause[] = [];
  if (metadata.generateName) {
    for (const error of nameErrors(kind, metadata.generateName, true)) {
      names.push(invalidValue('metadata.generateName', metadata.generateName, error));
    }
  }
  if (!metadata.name) names.push(requiredValue('metadata.name', 'name or generateName is required'));
  else {
    for (const error of strategy?.nameErrors?.(metadata.name) ?? nameErrors(kind, metadata.name, false)) {
      names.push(invalidValue('metadata.name', metadata.name, error));
    }
  }
  const errors = [...names, ...commonErrors(metadata, 'metadata')];
  if (custom || ANY_FINALIZER.has(group)) return errors;
  const unqualified = (metadata.finalizers ?? []).flatMap((name, index) =>
    unqualifiedFinalizer(name, `metadata.finalizers[${index}]`),
  );
  return [...errors, ...unqualified];
}

/** What is wrong with the metadata of a resource inside of another, at its path: it need not have a name. */
export function embeddedMetadataErrors(metadata: Partial<ObjectMeta>, path: string): StatusCause[] {
  const { name = '', generateName = '', namespace = '', generation = 0, managedFields = [] } = metadata;
  const at = (field: string, value: unknown, details: readonly string[]): StatusCause[] =>
    details.map((detail) => invalidValue(`${path}.${field}`, value, detail));
  return [
    ...at('generateName', generateName, pathSegmentErrors(generateName, true)),
    ...at('name', name, pathSegmentErrors(name)),
    ...(namespace === '' ? [] : at('namespace', namespace, dnsLabelErrors(namespace))),
    ...(generation < 0 ? at('generation', generation, ['must be greater than or equal to 0']) : []),
    ...commonErrors(metadata, path),
    ...managedFields.flatMap(({ operation, fieldsType = '' }, index) => [
      ...(operation === 'Apply' || operation === 'Update'
        ? []
        : at(`managedFields[${index}].operation`, operation ?? '', ['must be `Apply` or `Update`'])),
      ...(fieldsType === '' || fieldsType === 'FieldsV1'
        ? []
        : at(`managedFields[${index}].fieldsType`, fieldsType, ['must be `FieldsV1`'])),
    ]),
  ];
}

/** What holds of the metadata of every object, wherever that lies. */
function commonErrors(metadata: Partial<ObjectMeta>, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    for (const error of qualifiedNameErrors(key)) errors.push(invalidValue(`${path}.labels`, key, error));
    for (const error of labelValueErrors(String(value))) errors.push(invalidValue(`${path}.labels`, value, error));
  }
  errors.push(...annotationErrors(metadata.annotations ?? {}, `${path}.annotations`));
  errors.push(...ownerErrors(metadata.ownerReferences ?? [], `${path}.ownerReferences`));
  errors.push(...finalizerErrors(metadata.finalizers ?? [], `${path}.finalizers`));
  return errors;
}

/** True for what upstream reads as 'version' or 'group/version'. */
const hasVersion = (apiVersion: string | undefined): boolean => /^([^/]*\/)?[^/]+$/.test(apiVersion ?? '');

/** The paths have no index: upstream's do not have one. */
function ownerErrors(owners: readonly OwnerReference[], at: string): StatusCause[] {
  const errors: StatusCause[] = [];
  let controller: string | undefined;
  for (const owner of owners) {
    if (!hasVersion(owner.apiVersion)) {
      errors.push(invalidValue(`${at}.apiVersion`, owner.apiVersion ?? '', 'version must not be empty'));
    }
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalidValue(`${at}.${field}`, owner[field] ?? '', 'must not be empty'));
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      errors.push(invalidValue(at, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (!owner.controller) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      errors.push(invalidValue(at, owners, detail));
    }
    controller ??= name;
  }
  return errors;
}

function finalizerErrors(finalizers: readonly string[], at: string): StatusCause[] {
  const errors = finalizers.flatMap((finalizer) =>
    qualifiedNameErrors(finalizer).map((error) => invalidValue(at, finalizer, error)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(invalidValue(at, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  }
  return errors;
}

/** What an update may not do to metadata, as upstream's ValidateObjectMetaUpdate says it. */
export function metadataUpdateErrors(object: KubeObject, old: KubeObject): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const field of ['name', 'uid'] as const) {
    if (object.metadata[field] !== old.metadata[field]) {
      errors.push(invalidValue(`metadata.${field}`, object.metadata[field], 'field is immutable'));
    }
  }
  if (old.metadata.deletionTimestamp) {
    const before = new Set(old.metadata.finalizers);
    const added = (object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (added.length > 0) {
      const list = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`;
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
      errors.push(forbiddenValue('metadata.finalizers', detail));
    }
  }
  return errors;
}

/** The 409s of a write against another object, or another state of it, than the client has seen. */
export function checkPreconditions(
  registration: Registration,
  old: KubeObject,
  wanted: { uid?: string | undefined; resourceVersion?: string | undefined },
): void {
  const { served } = registration;
  const { name, uid, resourceVersion } = old.metadata;
  if (wanted.uid && wanted.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`;
    throw conflict(served, name, why);
  }
  if (wanted.resourceVersion && wanted.resourceVersion !== resourceVersion) {
    const why = `Precondition failed: ResourceVersion in precondition: ${wanted.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`;
    throw conflict(served, name, why);
  }
}
