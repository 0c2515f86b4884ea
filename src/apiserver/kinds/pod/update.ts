import {
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { mapAt, numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { MIRROR, podAnnotationErrors } from './annotations.ts';
import { defaultPod, defaultPodSpec } from './defaults.ts';

const updatable = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** What an update of a pod may not do to the annotations that mean something, and what is wrong with them now. */
export function annotationUpdateErrors(pod: KubeObject, old: KubeObject): StatusCause[] {
  const [now, before] = [pod.metadata.annotations?.[MIRROR], old.metadata.annotations?.[MIRROR]];
  const errors: StatusCause[] = [];
  const at = 'metadata.annotations';
  if (before !== undefined && now !== before) {
    errors.push(forbiddenValue(`${at}[${MIRROR}]`, 'may not remove or update mirror pod annotation'));
  }
  if (before === undefined && now !== undefined) {
    errors.push(forbiddenValue(`${at}[${MIRROR}]`, 'may not add mirror pod annotation'));
  }
  const annotations = mapAt({ annotations: pod.metadata.annotations }, 'annotations');
  return [...errors, ...podAnnotationErrors(annotations, pod.spec ?? {}, at)];
}

/** What an update may not do to the spec of a pod (core validation.ValidatePodUpdate). */
export function updateErrors(pod: KubeObject, old: KubeObject): StatusCause[] {
  const [spec, before] = [pod.spec ?? {}, old.spec ?? {}];
  const errors: StatusCause[] = [];
  for (const key of ['containers', 'initContainers']) {
    const containers = objectsAt(spec, key);
    if (containers.length !== objectsAt(before, key).length) {
      return [...errors, forbiddenValue(`spec.${key}`, 'pod updates may not add or remove containers')];
    }
    containers.forEach((container, index) => {
      const image = textAt(container, 'image');
      if (image === '') errors.push(requiredValue(`spec.${key}[${index}].image`));
      if (image.trim() === image) return;
      const detail = 'must not have leading or trailing whitespace';
      errors.push(invalidValue(`spec.${key}[${index}].image`, image, detail));
    });
  }
  const deadline = deadlineErrors(spec, before);
  errors.push(...deadline.errors);
  if (deadline.final) return errors;
  errors.push(...tolerationErrors(spec, before), ...gateErrors(spec, before));
  const isGated = objectsAt(before, 'schedulingGates').length > 0;
  if (isGated) errors.push(...placementErrors(spec, before));
  const changes = unlawfulChanges(spec, before, isGated);
  if (changes.length > 0) {
    const detail = `pod updates may not change fields other than ${updatable}\n${changes.join('\n')}`;
    errors.push(forbiddenValue('spec', detail));
  }
  return errors;
}

function deadlineErrors(spec: Fields, old: Fields): { errors: StatusCause[]; final: boolean } {
  const [deadline, before] = [numberAt(spec, 'activeDeadlineSeconds'), numberAt(old, 'activeDeadlineSeconds')];
  const wrong = (value: unknown, detail: string): StatusCause[] => [
    invalidValue('spec.activeDeadlineSeconds', value, detail),
  ];
  if (before === undefined) return { errors: [], final: false };
  if (deadline === undefined) {
    return { errors: wrong(null, 'must not update from a positive integer to nil value'), final: false };
  }
  if (deadline <= before) return { errors: [], final: false };
  return { errors: wrong(deadline, 'must be less than or equal to previous value'), final: true };
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

/** Gates are opened one after the other, and none is put up later. */
function gateErrors(spec: Fields, old: Fields): StatusCause[] {
  const before = new Set(objectsAt(old, 'schedulingGates').map((gate) => textAt(gate, 'name')));
  return objectsAt(spec, 'schedulingGates').flatMap((gate, index) => {
    if (before.has(textAt(gate, 'name'))) return [];
    const detail = 'only deletion is allowed, but found new scheduling gate';
    return [forbiddenValue(`spec.schedulingGates[${index}].name`, `${detail} '${textAt(gate, 'name')}'`)];
  });
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

const nodeAffinityOf = (spec: Fields): Fields | undefined => objectAt(objectAt(spec, 'affinity'), 'nodeAffinity');

/** Where a gated pod may run can be narrowed down, never widened. */
function placementErrors(spec: Fields, old: Fields): StatusCause[] {
  const [labels, before] = [mapAt(spec, 'nodeSelector'), mapAt(old, 'nodeSelector')];
  const isKept = Object.entries(before).every(([key, value]) => labels[key] === value);
  const errors = isKept
    ? []
    : [
        invalidValue(
          'spec.nodeSelector',
          labels,
          'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
        ),
      ];
  const at = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
  const [terms, oldTerms] = [spec, old].map((of) =>
    objectsAt(objectAt(nodeAffinityOf(of), REQUIRED), 'nodeSelectorTerms'),
  );
  if (!terms || !oldTerms || oldTerms.length === 0) return errors;
  if (terms.length !== oldTerms.length) {
    const detail = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    return [...errors, invalidValue(at, terms.length === 0 ? null : terms, detail)];
  }
  oldTerms.forEach((term, index) => {
    if (isNarrowed(terms[index] ?? {}, term)) return;
    const detail = 'only additions are allowed (no mutations or deletions)';
    errors.push(invalidValue(`${at}[${index}]`, terms[index], detail));
  });
  return errors;
}

function isNarrowed(term: Fields, old: Fields): boolean {
  const keys = ['matchExpressions', 'matchFields'];
  // A term of nothing selects nothing: anything would widen it.
  if (keys.every((key) => objectsAt(old, key).length === 0))
    return keys.every((key) => objectsAt(term, key).length === 0);
  return keys.every((key) => {
    const before = objectsAt(old, key);
    return equalJson(objectsAt(term, key).slice(0, before.length), before);
  });
}

/** Changes of what may not change. What admission added to the old pod has had no defaults yet. */
function unlawfulChanges(spec: Fields, old: Fields, isGated: boolean): string[] {
  if (changedFields(withUpdatable(spec, old, isGated), old).length === 0) return [];
  const defaulted = structuredClone(old);
  defaultPodSpec(defaulted);
  defaultPod(defaulted);
  return changedFields(withUpdatable(spec, defaulted, isGated), defaulted);
}

/** The new spec with what may change put back: what differs from the old one then may not. */
function withUpdatable(spec: Fields, old: Fields, isGated: boolean): Fields {
  const images = (key: string): Fields => {
    const before = objectsAt(old, key);
    const containers = objectsAt(spec, key).map((container, i) => ({ ...container, image: before[i]?.['image'] }));
    return containers.length === 0 ? {} : { [key]: containers };
  };
  const { activeDeadlineSeconds, schedulingGates, tolerations, nodeSelector } = old;
  const grace =
    (numberAt(old, 'terminationGracePeriodSeconds') ?? 0) < 0 && spec['terminationGracePeriodSeconds'] === 1;
  return {
    ...spec,
    ...images('containers'),
    ...images('initContainers'),
    activeDeadlineSeconds,
    schedulingGates,
    tolerations,
    ...(isGated ? { nodeSelector, affinity: withNodeAffinity(spec, old) } : {}),
    ...(grace ? { terminationGracePeriodSeconds: old['terminationGracePeriodSeconds'] } : {}),
  };
}

/** The new affinity, with the old one to nodes. */
function withNodeAffinity(spec: Fields, old: Fields): unknown {
  const { nodeAffinity: _, ...others } = objectAt(spec, 'affinity') ?? {};
  const nodes = nodeAffinityOf(old);
  const affinity = { ...others, ...(nodes ? { nodeAffinity: nodes } : {}) };
  return Object.keys(affinity).length === 0 ? old['affinity'] : affinity;
}

/** One line for each field of the spec that differs. */
function changedFields(spec: Fields, old: Fields): string[] {
  const keys = [...new Set([...Object.keys(old), ...Object.keys(spec)])].sort();
  return keys
    .filter((key) => !equalJson(spec[key] ?? null, old[key] ?? null))
    .map((key) => `  ${key}: ${JSON.stringify(old[key] ?? null)} -> ${JSON.stringify(spec[key] ?? null)}`);
}
