import type { Overload } from './syntax.ts';
import { type CelType, isDyn } from './type.ts';
import {
  CelDuration,
  CelMap,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  opaqueNameOf,
} from './value.ts';

/** Whether values of this type need no look at them: nothing in it is dyn. */
export function isKnown(type: CelType | undefined): boolean {
  if (!type || isDyn(type) || type.kind === 'param') return false;
  if (type.kind === 'list') return isKnown(type.of);
  if (type.kind === 'map') return isKnown(type.value);
  return true;
}

export function takes({ parameters }: Overload, values: readonly unknown[]): boolean {
  return parameters.every((type, i) => isOfType(values[i], type));
}

/** Whether a value is of a type, as far as its outside tells. */
function isOfType(value: unknown, type: CelType): boolean {
  switch (type.kind) {
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
      return typeof value === 'bigint';
    case 'double':
      return typeof value === 'number';
    case 'string':
      return typeof value === 'string';
    case 'null':
      return value === null;
    case 'list':
      return Array.isArray(value) && (value.length === 0 || isOfType(value[0], type.of));
    case 'map':
    case 'object':
      return value instanceof CelMap || value instanceof CelObject;
    default:
      return isOfClass(value, type);
  }
}

function isOfClass(value: unknown, type: CelType): boolean {
  switch (type.kind) {
    case 'uint':
      return value instanceof CelUint;
    case 'bytes':
      return value instanceof Uint8Array;
    case 'timestamp':
      return value instanceof CelTimestamp;
    case 'duration':
      return value instanceof CelDuration;
    case 'type':
      return value instanceof CelTypeValue;
    case 'opaque':
      if (type.name !== 'optional_type') return opaqueNameOf(value) === type.name;
      return value instanceof CelOptional && isOptionalOf(value, type.params[0]);
    default:
      return true;
  }
}

const isOptionalOf = ({ value }: CelOptional, type: CelType | undefined): boolean =>
  value === undefined || type === undefined || isOfType(value, type);
