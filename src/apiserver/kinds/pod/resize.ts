import {
  cloneJson,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  type StatusCause,
} from '../../../machinery/index.ts';
import type { UpdateStrategy } from '../../contracts.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { MIRROR } from './annotations.ts';
import { keepMetadata } from './ephemeral-containers.ts';
import { qosClassOf } from './qos.ts';
import { wholePodErrors } from './whole.ts';

const lists = ['containers', 'initContainers'] as const;

/** Writes of pods/resize: they change how much CPU and memory containers have, and nothing else. */
export const resizeStrategy: UpdateStrategy = {
  prepareForUpdate(pod, old) {
    const sameLength = lists.every((key) => objectsAt(pod.spec, key).length === objectsAt(old.spec, key).length);
    if (!sameLength) return;
    const spec = cloneJson(old.spec ?? {});
    for (const key of lists) {
      const given = objectsAt(pod.spec, key);
      objectsAt(spec, key).forEach((container, index) => {
        const { resources, resizePolicy, name } = given[index] ?? {};
        Object.assign(container, { name, resources: resources ?? {} });
        if (resizePolicy === undefined) delete container['resizePolicy'];
        else container['resizePolicy'] = resizePolicy;
      });
    }
    pod.spec = spec;
    keepMetadata(pod, old);
  },
  validate(pod, old) {
    const before = old ?? pod;
    const refused = refusal(pod, before);
    if (refused !== undefined) return [forbiddenValue('[]', refused)];
    return [...wholePodErrors(pod), ...resizeErrors(pod, before)];
  },
};

/** Why a pod cannot be resized at all. */
function refusal(pod: KubeObject, old: KubeObject): string | undefined {
  const hasOwn = ({ spec }: KubeObject): boolean => {
    const resources = objectAt(spec, 'resources');
    return ['requests', 'limits'].some((key) => Object.keys(objectAt(resources, key) ?? {}).length > 0);
  };
  if (hasOwn(pod) || hasOwn(old)) return 'pods with pod-level resources cannot be resized';
  if (old.metadata.annotations?.[MIRROR] !== undefined) return 'static pods cannot be resized';
  return objectAt(old.spec, 'os')?.['name'] === 'windows' ? 'windows pods cannot be resized' : undefined;
}

function resizeErrors(pod: KubeObject, old: KubeObject): StatusCause[] {
  const errors: StatusCause[] = [];
  const [spec, before] = [pod.spec ?? {}, old.spec ?? {}];
  const qosClass = textAt(old.status, 'qosClass') || qosClassOf(before);
  if (qosClass !== qosClassOf(spec)) {
    const detail = 'Pod QOS Class may not change as a result of resizing';
    errors.push(invalidValue('spec', pod.status?.['qosClass'] ?? '', detail));
  }
  const running = objectsAt(old.status, 'containerStatuses').find((status) =>
    objectAt(objectAt(status, 'state'), 'running'),
  );
  if (running && running['resources'] === undefined) {
    errors.push(forbiddenValue('spec', 'Pod running on node without support for resize'));
  }
  const order = orderErrors(spec, before);
  if (order.length > 0) return [...errors, ...order];
  errors.push(...removalErrors(spec, before), ...otherChanges(spec, before));
  return errors;
}

function orderErrors(spec: Fields, old: Fields): StatusCause[] {
  return lists.flatMap((key) => {
    const [now, before] = [objectsAt(spec, key), objectsAt(old, key)];
    if (now.length !== before.length) {
      return [
        forbiddenValue(
          `spec.${key}`,
          `${key === 'containers' ? 'containers' : 'initContainers'} may not be added or removed on resize`,
        ),
      ];
    }
    return now.flatMap((container, index) =>
      textAt(container, 'name') === textAt(before[index], 'name')
        ? []
        : [forbiddenValue(`spec.${key}[${index}].name`, `${key} may not be renamed or reordered on resize`)],
    );
  });
}

const isSidecar = (container: Fields): boolean => container['restartPolicy'] === 'Always';

function removalErrors(spec: Fields, old: Fields): StatusCause[] {
  return (['initContainers', 'containers'] as const).flatMap((key) =>
    objectsAt(old, key).flatMap((before, index) => {
      if (key === 'initContainers' && !isSidecar(before)) return [];
      const container = objectsAt(spec, key)[index];
      return ['requests', 'limits'].flatMap((amounts) => {
        const [now, was] = [container, before].map((of) => objectAt(objectAt(of, 'resources'), amounts) ?? {});
        const isRemoved = Object.keys(was ?? {}).some((name) => !Object.hasOwn(now ?? {}, name));
        if (!isRemoved) return [];
        const at = `spec.${key}[${index}].resources.${amounts}`;
        return [forbiddenValue(at, `resource ${amounts} cannot be removed`)];
      });
    }),
  );
}

function otherChanges(spec: Fields, old: Fields): StatusCause[] {
  const changed = (key: (typeof lists)[number], detail: (container: Fields) => string): StatusCause[] =>
    objectsAt(spec, key).flatMap((container, index) => {
      const before = objectsAt(old, key)[index] ?? {};
      const kept = key === 'containers' || isSidecar(container) ? withAmountsOf(container, before) : container;
      return equalJson(kept, before) ? [] : [forbiddenValue('spec', detail(container))];
    });
  return [
    ...changed('containers', () => 'only cpu and memory resources are mutable'),
    ...changed('initContainers', (container) =>
      isSidecar(container)
        ? 'only cpu and memory resources for sidecar containers are mutable'
        : 'resources for non-sidecar init containers are immutable',
    ),
  ];
}

/** The container with the CPU and memory of another. */
function withAmountsOf(container: Fields, other: Fields): Fields {
  const resources: Fields = {};
  for (const key of ['limits', 'requests']) {
    const [now, before] = [container, other].map((of) => objectAt(objectAt(of, 'resources'), key));
    if (!before) continue;
    const { cpu: _, memory: __, ...others } = now ?? {};
    const { cpu, memory } = before;
    resources[key] = { ...others, ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  }
  return { ...container, resources };
}
