import { equalJson, invalidValue, isFields, type KubeObject, type StatusCause } from '../../machinery/index.ts';

/** The value at a path of keys: 'spec.selector'. */
function valueAt(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split('.')) value = isFields(value) ? value[key] : undefined;
  return value;
}

/** Fields that an update may not change. */
export function immutableErrors(object: KubeObject, old: KubeObject, paths: readonly string[]): StatusCause[] {
  return paths
    .filter((path) => !equalJson(valueAt(object, path) ?? null, valueAt(old, path) ?? null))
    .map((path) => invalidValue(path, valueAt(object, path), 'field is immutable'));
}
