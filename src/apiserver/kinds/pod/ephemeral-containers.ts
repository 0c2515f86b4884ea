import { cloneJson, equalJson, forbiddenValue, type KubeObject, type StatusCause } from '../../../machinery/index.ts';
import type { UpdateStrategy } from '../../contracts.ts';
import { objectsAt, textAt } from '../fields.ts';
import { MIRROR } from './annotations.ts';
import { wholePodErrors } from './whole.ts';

/** Writes of pods/ephemeralcontainers: they add containers, and change nothing else. */
export const ephemeralContainersStrategy: UpdateStrategy = {
  prepareForUpdate(pod, old) {
    const containers = pod.spec?.['ephemeralContainers'];
    const { ephemeralContainers: _, ...spec } = cloneJson(old.spec ?? {});
    pod.spec = { ...spec, ...(containers === undefined ? {} : { ephemeralContainers: containers }) };
    keepMetadata(pod, old);
  },
  validate(pod, old) {
    if (old?.metadata.annotations?.[MIRROR] !== undefined) {
      return [forbiddenValue('[]', 'static pods do not support ephemeral containers')];
    }
    return [...wholePodErrors(pod), ...changeErrors(pod, old ?? pod)];
  },
};

/** Puts back what a write of a subresource may not change of metadata, in place. */
export function keepMetadata(pod: KubeObject, old: KubeObject): void {
  const { labels, annotations, ownerReferences, finalizers } = old.metadata;
  for (const [key, value] of Object.entries({ labels, annotations, ownerReferences, finalizers })) {
    if (value === undefined) delete pod.metadata[key as 'labels'];
    else Object.assign(pod.metadata, { [key]: cloneJson(value) });
  }
}

function changeErrors(pod: KubeObject, old: KubeObject): StatusCause[] {
  const at = 'spec.ephemeralContainers';
  const now = objectsAt(pod.spec, 'ephemeralContainers');
  return objectsAt(old.spec, 'ephemeralContainers').flatMap((before) => {
    const name = textAt(before, 'name');
    const container = now.find((other) => textAt(other, 'name') === name);
    const which = `existing ephemeral containers ${JSON.stringify(name)}`;
    if (!container) return [forbiddenValue(at, `${which} may not be removed\n`)];
    if (equalJson(container, before)) return [];
    return [forbiddenValue(at, `${which} may not be changed\n`)];
  });
}
