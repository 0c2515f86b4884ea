import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  parseQuantity,
  quantityError,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { numberAt, objectAt, objectsAt, textAt } from './fields.ts';
import { defaultPod, defaultPodSpec } from './pod-defaults.ts';
import { podSpecErrors } from './pod-spec-errors.ts';

/** Pods: only images, the deadline, and more tolerations may change; the rest of the spec is for life. */
export const podStrategy: KindStrategy = {
  applyDefaults(pod) {
    if (!pod.spec) return;
    defaultPodSpec(pod.spec);
    defaultPod(pod.spec);
  },
  prepareForCreate(pod) {
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec ?? {}) };
  },
  validate(pod, old) {
    const spec = pod.spec ?? {};
    return [...podSpecErrors(spec, 'spec'), ...(old ? updateErrors(spec, old.spec ?? {}) : createErrors(pod))];
  },
};

function createErrors(pod: KubeObject): StatusCause[] {
  const errors: StatusCause[] = [];
  if (objectsAt(pod.spec, 'ephemeralContainers').length > 0) {
    errors.push(forbiddenValue('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (textAt(pod.spec, 'nodeName') !== '' && objectsAt(pod.spec, 'schedulingGates').length > 0) {
    errors.push(forbiddenValue('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

/** The quality of service of a pod (core/v1 helper/qos): by the requests and limits of its containers. */
export function qosClassOf(spec: Fields): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  let anything = false;
  let guaranteed = true;
  for (const container of [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')]) {
    const resources = objectAt(container, 'resources');
    for (const name of ['cpu', 'memory']) {
      const request = amount(objectAt(resources, 'requests'), name);
      const limit = amount(objectAt(resources, 'limits'), name);
      if (request > 0n || limit > 0n) anything = true;
      if (limit === 0n || request !== limit) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function amount(amounts: Fields | undefined, name: string): bigint {
  const value = amounts?.[name];
  return quantityError(value) === undefined ? parseQuantity(String(value)).nanos : 0n;
}

const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

function updateErrors(spec: Fields, old: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const key of ['containers', 'initContainers']) {
    const containers = objectsAt(spec, key);
    if (containers.length !== objectsAt(old, key).length) {
      return [forbiddenValue(`spec.${key}`, 'pod updates may not add or remove containers')];
    }
    containers.forEach((container, index) => {
      const image = textAt(container, 'image');
      if (image === '') errors.push(requiredValue(`spec.${key}[${index}].image`));
      if (image.trim() === image) return;
      const detail = 'must not have leading or trailing whitespace';
      errors.push(invalidValue(`spec.${key}[${index}].image`, image, detail));
    });
  }
  errors.push(...deadlineErrors(spec, old), ...tolerationErrors(spec, old));
  const changes = unlawfulChanges(spec, old);
  if (changes.length > 0) {
    const detail = `pod updates may not change fields other than ${updatable}\n${changes.join('\n')}`;
    errors.push(forbiddenValue('spec', detail));
  }
  return errors;
}

/** Changes of what may not change. What admission added to the old pod has had no defaults yet. */
function unlawfulChanges(spec: Fields, old: Fields): string[] {
  if (changedFields(withUpdatable(spec, old), old).length === 0) return [];
  const defaulted = structuredClone(old);
  defaultPodSpec(defaulted);
  defaultPod(defaulted);
  return changedFields(withUpdatable(spec, defaulted), defaulted);
}

function deadlineErrors(spec: Fields, old: Fields): StatusCause[] {
  const [deadline, before] = [numberAt(spec, 'activeDeadlineSeconds'), numberAt(old, 'activeDeadlineSeconds')];
  if (before === undefined) return [];
  if (deadline === undefined) {
    const detail = 'must not update from a positive integer to nil value';
    return [invalidValue('spec.activeDeadlineSeconds', null, detail)];
  }
  if (deadline <= before) return [];
  return [invalidValue('spec.activeDeadlineSeconds', deadline, 'must be less than or equal to previous value')];
}

function tolerationErrors(spec: Fields, old: Fields): StatusCause[] {
  const tolerations = objectsAt(spec, 'tolerations');
  // How long a toleration lasts may change.
  const timeless = ({ tolerationSeconds: _, ...toleration }: Fields): Fields => toleration;
  const kept = objectsAt(old, 'tolerations').every((before) =>
    tolerations.some((toleration) => equalJson(timeless(toleration), timeless(before))),
  );
  if (kept) return [];
  return [forbiddenValue('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

/** The new spec with what may change put back: what differs from the old one then may not. */
function withUpdatable(spec: Fields, old: Fields): Fields {
  const images = (key: string): Fields => {
    const before = objectsAt(old, key);
    const containers = objectsAt(spec, key).map((container, i) => ({ ...container, image: before[i]?.['image'] }));
    return containers.length === 0 ? {} : { [key]: containers };
  };
  const { activeDeadlineSeconds, schedulingGates, tolerations } = old;
  const grace =
    (numberAt(old, 'terminationGracePeriodSeconds') ?? 0) < 0 && spec['terminationGracePeriodSeconds'] === 1;
  return {
    ...spec,
    ...images('containers'),
    ...images('initContainers'),
    activeDeadlineSeconds,
    schedulingGates,
    tolerations,
    // The binding subresource writes it through the same check.
    ...(textAt(old, 'nodeName') === '' ? { nodeName: old['nodeName'] } : {}),
    ...(grace ? { terminationGracePeriodSeconds: old['terminationGracePeriodSeconds'] } : {}),
  };
}

/** One line for each field of the spec that differs. */
function changedFields(spec: Fields, old: Fields): string[] {
  const keys = [...new Set([...Object.keys(old), ...Object.keys(spec)])].sort();
  return keys
    .filter((key) => !equalJson(spec[key] ?? null, old[key] ?? null))
    .map((key) => `  ${key}: ${JSON.stringify(old[key] ?? null)} -> ${JSON.stringify(spec[key] ?? null)}`);
}
