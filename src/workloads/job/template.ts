import type { KubeObject } from '../../machinery/index.ts';
import { podFrom } from '../pod-control.ts';
import type { Container, Pod, PodSpec } from '../types.ts';
import {
  failureCountAnnotation,
  failureCountOf,
  ignoredCountAnnotation,
  ignoredCountOf,
  indexAnnotation,
  trackingFinalizer,
} from './pods.ts';
import { matchFailure } from './policies.ts';
import type { Job, JobSpec } from './types.ts';

/** The pod of a job that is not Indexed, or what those of an Indexed one have in common. */
export function jobPod(job: Job, spec: JobSpec): KubeObject {
  const pod = podFrom(job, spec.template);
  const finalizers = [...new Set([...(pod.metadata.finalizers ?? []), trackingFinalizer])];
  const podSpec = spec.completionMode === 'Indexed' ? withIndexVariable(spec.template.spec) : spec.template.spec;
  return { ...pod, metadata: { ...pod.metadata, finalizers }, spec: podSpec };
}

/**
 * The pod of one index: the index is its label, annotation and host name.
 * @param replaced the failed pod of the same index, where failures are limited by index.
 */
export function indexedPod(common: KubeObject, job: Job, spec: JobSpec, index: number, replaced?: Pod): KubeObject {
  const { name } = job.metadata;
  const { metadata } = common;
  const annotations = { ...metadata.annotations, [indexAnnotation]: `${index}` };
  if (spec.backoffLimitPerIndex !== undefined) Object.assign(annotations, failureCounts(spec, replaced));
  return {
    ...common,
    metadata: {
      ...metadata,
      generateName: indexedPrefix(name, index),
      annotations,
      labels: { ...metadata.labels, [indexAnnotation]: `${index}` },
    },
    spec: { ...common.spec, hostname: `${name}-${index}` },
  };
}

function failureCounts(spec: JobSpec, replaced: Pod | undefined): Record<string, string> {
  let [failures, ignored] = replaced ? [failureCountOf(replaced), ignoredCountOf(replaced)] : [0, 0];
  if (replaced) {
    if (matchFailure(spec, replaced).counts) failures += 1;
    else ignored += 1;
  }
  const counts = { [failureCountAnnotation]: `${failures}` };
  return ignored > 0 ? { ...counts, [ignoredCountAnnotation]: `${ignored}` } : counts;
}

/** The longest generateName of which nothing is cut off (apiserver's storage/names). */
const LONGEST_PREFIX = 58;

/** A long name is cut, its index is not. */
function indexedPrefix(name: string, index: number): string {
  const end = `-${index}-`;
  return `${name.slice(0, LONGEST_PREFIX - end.length)}${end}`;
}

const VARIABLE = 'JOB_COMPLETION_INDEX';

function withIndexVariable(spec: PodSpec): PodSpec {
  const variable = { name: VARIABLE, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexAnnotation}']` } } };
  const add = (container: Container): Container =>
    container.env?.some(({ name }) => name === VARIABLE)
      ? container
      : { ...container, env: [...(container.env ?? []), variable] };
  const { initContainers } = spec;
  return {
    ...spec,
    containers: spec.containers.map(add),
    ...(initContainers ? { initContainers: initContainers.map(add) } : {}),
  };
}
