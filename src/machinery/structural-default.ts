import { isFields } from './json.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';
import { mapItems, propertySchema } from './structural-prune.ts';

/**
 * Fills in a CRD schema's defaults, as apiextensions does: a property's default is set where its parent object exists
 * and the property is missing (or null without being nullable), then defaulted further inside. A null that is not
 * allowed and has no default is dropped. Nothing is created under a missing or null parent.
 * @returns the object itself when nothing changes; otherwise a copy that shares every untouched part.
 */
export function applySchemaDefaults<T extends object>(object: T, schema: Schema): T {
  return withDefaults(object, schema) as T;
}

function withDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) return schema.items === undefined ? value : defaultItems(value, schema.items);
  if (!isFields(value)) return value;
  let copy: Fields | undefined;
  for (const [key, property] of defaultedProperties(schema)) {
    const missing = !Object.hasOwn(value, key) || isForbiddenNull(value[key], property);
    if (!missing) continue;
    copy ??= { ...value };
    copy[key] = structuredClone(property.default);
  }
  const filled = copy ?? value;
  for (const key of Object.keys(filled)) {
    const property = propertySchema(schema, key);
    if (property === undefined || property === true) continue;
    const before = filled[key];
    const after = isForbiddenNull(before, property) ? undefined : withDefaults(before, property);
    if (after === before) continue;
    copy ??= { ...value };
    if (after === undefined) delete copy[key];
    else copy[key] = after;
  }
  return copy ?? value;
}

function defaultItems(items: readonly unknown[], schema: Schema): unknown {
  return mapItems(items, (item) =>
    isForbiddenNull(item, schema) && schema.default !== undefined
      ? withDefaults(structuredClone(schema.default), schema)
      : withDefaults(item, schema),
  );
}

const isForbiddenNull = (value: unknown, schema: Schema): boolean => value === null && schema.nullable !== true;

const defaulted = new WeakMap<Schema, readonly (readonly [string, Schema])[]>();

/** The properties of a schema that have a default, found once. */
function defaultedProperties(schema: Schema): readonly (readonly [string, Schema])[] {
  const known = defaulted.get(schema);
  if (known !== undefined) return known;
  const found = Object.entries(schema.properties ?? {}).filter(
    ([key, property]) => property.default !== undefined && key !== '__proto__',
  );
  defaulted.set(schema, found);
  return found;
}
