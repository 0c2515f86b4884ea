import type { KubeObject, StatusCause } from '../../../machinery/index.ts';
import { mapAt, objectsAt, textAt } from '../fields.ts';
import { podAnnotationErrors } from './annotations.ts';
import { podOnlyErrors, podSpecErrors } from './spec.ts';
import { tokenVolumeErrors } from './volumes.ts';

/** What is wrong with a pod, whatever it was before. */
export function wholePodErrors({ metadata, spec = {} }: KubeObject): StatusCause[] {
  const annotations = mapAt({ annotations: metadata.annotations }, 'annotations');
  return [
    ...podAnnotationErrors(annotations, spec, 'metadata.annotations'),
    ...podSpecErrors(spec, 'spec', metadata.name),
    ...(textAt(spec, 'serviceAccountName') === '' ? tokenVolumeErrors(objectsAt(spec, 'volumes'), 'spec.volumes') : []),
    ...podOnlyErrors(spec, 'spec'),
  ];
}
