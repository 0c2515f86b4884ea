import {
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { projectedPathErrors } from './paths.ts';
import { fieldReferenceErrors, fileFields, resourceReferenceErrors } from './references.ts';

const maxMode = 0o777;

/** The mode of a file. */
export function modeErrors(fields: Fields, key: string, path: string): StatusCause[] {
  const mode = numberAt(fields, key);
  if (mode === undefined || (mode >= 0 && mode <= maxMode)) return [];
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [invalidValue(`${path}.${key}`, mode, detail)];
}

/** What is wrong with the keys of a ConfigMap or Secret that become files, and with their modes. */
export function keysErrors(source: Fields, path: string): StatusCause[] {
  return [...modeErrors(source, 'defaultMode', path), ...itemsErrors(source, path)];
}

function itemsErrors(source: Fields, path: string): StatusCause[] {
  return objectsAt(source, 'items').flatMap((item, index) => {
    const at = `${path}.items[${index}]`;
    const [key, target] = [textAt(item, 'key'), textAt(item, 'path')];
    return [
      ...(key === '' ? [requiredValue(`${at}.key`)] : []),
      ...(target === '' ? [requiredValue(`${at}.path`)] : []),
      ...projectedPathErrors(target, `${at}.path`),
      ...modeErrors(item, 'mode', at),
    ];
  });
}

/** What is wrong with the files of a downwardAPI volume; the paths of its errors have no index. */
export function projectedFileErrors(source: Fields, path: string): StatusCause[] {
  return objectsAt(source, 'items').flatMap((file) => {
    const target = textAt(file, 'path');
    const [field, resource] = [objectAt(file, 'fieldRef'), objectAt(file, 'resourceFieldRef')];
    const errors = target === '' ? [requiredValue(`${path}.path`)] : [];
    errors.push(...projectedPathErrors(target, `${path}.path`));
    if (field) {
      errors.push(...fieldReferenceErrors(field, `${path}.fieldRef`, fileFields));
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      if (resource) errors.push(invalidValue(path, 'resource', detail));
    } else if (resource) errors.push(...resourceReferenceErrors(resource, `${path}.resourceFieldRef`, true));
    else errors.push(requiredValue(path, 'one of fieldRef and resourceFieldRef is required'));
    return [...errors, ...modeErrors(file, 'mode', path)];
  });
}

const types = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken'];

/** What is wrong with the sources of a projected volume, whose files must not get in each other's way. */
export function projectedErrors(volume: Fields, path: string): StatusCause[] {
  const taken = new Set<string>();
  return objectsAt(volume, 'sources').flatMap((source, index) => {
    const at = `${path}.sources[${index}]`;
    const given = types.filter((type) => objectAt(source, type));
    const errors = given.flatMap((type) => {
      const fields = objectAt(source, type) ?? {};
      const found = typeErrors(type, fields, `${at}.${type}`, path);
      for (const item of objectsAt(fields, 'items')) {
        const target = textAt(item, 'path');
        const subject = type === 'downwardAPI' ? target : textAt(fields, 'name');
        if (target !== '' && taken.has(target)) found.push(invalidValue(path, subject, 'conflicting duplicate paths'));
        taken.add(target);
      }
      return found;
    });
    if (given.length > 1) errors.push(forbiddenValue(at, 'may not specify more than 1 volume type per source'));
    return errors;
  });
}

function typeErrors(type: string, fields: Fields, path: string, volume: string): StatusCause[] {
  if (type === 'downwardAPI') return projectedFileErrors(fields, path);
  if (type === 'serviceAccountToken') return tokenErrors(fields, path, volume);
  const name = textAt(fields, 'name') === '' ? [requiredValue(`${path}.name`)] : [];
  return [...name, ...itemsErrors(fields, path)];
}

const minTokenSeconds = 600;
const maxTokenSeconds = 2 ** 32;

function tokenErrors(token: Fields, path: string, volume: string): StatusCause[] {
  const seconds = numberAt(token, 'expirationSeconds') ?? 0;
  const target = textAt(token, 'path');
  const errors: StatusCause[] = [];
  if (seconds < minTokenSeconds) {
    const detail = 'may not specify a duration less than 10 minutes';
    errors.push(invalidValue(`${path}.expirationSeconds`, seconds, detail));
  }
  if (seconds > maxTokenSeconds) {
    const detail = 'may not specify a duration larger than 2^32 seconds';
    errors.push(invalidValue(`${path}.expirationSeconds`, seconds, detail));
  }
  if (target === '') return [...errors, requiredValue(`${volume}.path`)];
  return [...errors, ...projectedPathErrors(target, `${volume}.path`)];
}
