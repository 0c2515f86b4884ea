import { equalJson, type Fields, forbiddenValue, type StatusCause, timestamp } from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { objectsAt, textAt } from '../fields.ts';
import { nameWarnings } from '../name-warnings.ts';
import { mergeLabelKeys } from './affinity.ts';
import { applyAppArmor } from './annotations.ts';
import { defaultPod, defaultPodSpec } from './defaults.ts';
import { ephemeralContainersStrategy } from './ephemeral-containers.ts';
import { qosClassOf } from './qos.ts';
import { resizeStrategy } from './resize.ts';
import { podStatusStrategy } from './status.ts';
import { annotationUpdateErrors, updateErrors } from './update.ts';
import { podWarnings } from './warnings.ts';
import { wholePodErrors } from './whole.ts';

/** Pods: only images, the deadline, and more tolerations may change; the rest of the spec is for life. */
export const podStrategy: KindStrategy = {
  applyDefaults(pod) {
    if (!pod.spec) return;
    defaultPodSpec(pod.spec);
    defaultPod(pod.spec);
  },
  prepareForCreate(pod) {
    const { spec = {}, metadata } = pod;
    pod.status = { phase: 'Pending', ...gatedStatus(spec), qosClass: qosClassOf(spec) };
    mergeLabelKeys(spec, metadata.labels ?? {});
    applyAppArmor(spec, metadata.annotations ?? {});
  },
  validate: (pod, old) => [
    ...wholePodErrors(pod),
    ...(old ? [...annotationUpdateErrors(pod, old), ...updateErrors(pod, old)] : createErrors(pod.spec ?? {})),
  ],
  warnings: (pod, old) => [
    ...(old ? [] : nameWarnings(pod, "the Pod's hostname")),
    ...(old && equalJson(pod.spec, old.spec) ? [] : podWarnings(pod as unknown as Fields, '')),
  ],
  subresources: {
    status: podStatusStrategy,
    ephemeralcontainers: ephemeralContainersStrategy,
    resize: resizeStrategy,
  },
};

/** A pod with gates says from the start why it is not scheduled. */
function gatedStatus(spec: Fields): Fields {
  if (objectsAt(spec, 'schedulingGates').length === 0) return {};
  const condition = {
    type: 'PodScheduled',
    status: 'False',
    lastProbeTime: null,
    lastTransitionTime: timestamp(),
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
  return { conditions: [condition] };
}

function createErrors(spec: Fields): StatusCause[] {
  const errors: StatusCause[] = [];
  if (objectsAt(spec, 'ephemeralContainers').length > 0) {
    errors.push(forbiddenValue('spec.ephemeralContainers', 'cannot be set on create'));
  }
  if (textAt(spec, 'nodeName') !== '' && objectsAt(spec, 'schedulingGates').length > 0) {
    errors.push(forbiddenValue('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}
