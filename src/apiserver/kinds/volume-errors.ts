import {
  configKeyErrors,
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import { invalidAll } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from './fields.ts';
import { volumeSources } from './pod-defaults.ts';

/** What is wrong with a pod's volumes, and the names of those that are right. */
export function volumeErrors(volumes: readonly Fields[], path: string): { errors: StatusCause[]; names: Set<string> } {
  const names = new Set<string>();
  const errors: StatusCause[] = [];
  volumes.forEach((volume, index) => {
    const at = `${path}[${index}]`;
    const name = textAt(volume, 'name');
    const found = sourceErrors(volume, at);
    if (name === '') found.push(requiredValue(`${at}.name`));
    else found.push(...invalidAll(`${at}.name`, name, dnsLabelErrors(name)));
    if (names.has(name)) found.push(duplicateValue(`${at}.name`, name));
    if (found.length === 0) names.add(name);
    errors.push(...found);
  });
  return { errors, names };
}

function sourceErrors(volume: Fields, path: string): StatusCause[] {
  const [source, ...others] = volumeSources(volume);
  if (source === undefined) return [requiredValue(path, 'must specify a volume type')];
  const fields = objectAt(volume, source) ?? {};
  return [
    ...(sourceChecks[source]?.(fields, `${path}.${source}`) ?? []),
    ...others.map((other) => forbiddenValue(`${path}.${other}`, 'may not specify more than 1 volume type')),
  ];
}

const sourceChecks: Record<string, (fields: Fields, path: string) => StatusCause[]> = {
  configMap: (fields, path) => [
    ...(textAt(fields, 'name') === '' ? [requiredValue(`${path}.name`)] : []),
    ...projectedKeyErrors(fields, path),
  ],
  secret: (fields, path) => [
    ...(textAt(fields, 'secretName') === '' ? [requiredValue(`${path}.secretName`)] : []),
    ...projectedKeyErrors(fields, path),
  ],
  hostPath: (fields, path) => {
    const target = textAt(fields, 'path');
    if (target === '') return [requiredValue(`${path}.path`)];
    return target.split('/').includes('..') ? [invalidValue(`${path}.path`, target, "must not contain '..'")] : [];
  },
  persistentVolumeClaim: (fields, path) =>
    textAt(fields, 'claimName') === '' ? [requiredValue(`${path}.claimName`)] : [],
};

function projectedKeyErrors(fields: Fields, path: string): StatusCause[] {
  const errors = modeErrors(fields, 'defaultMode', path);
  objectsAt(fields, 'items').forEach((item, index) => {
    const at = `${path}.items[${index}]`;
    const [key, target] = [textAt(item, 'key'), textAt(item, 'path')];
    if (key === '') errors.push(requiredValue(`${at}.key`));
    else errors.push(...invalidAll(`${at}.key`, key, configKeyErrors(key)));
    if (target === '') errors.push(requiredValue(`${at}.path`));
    if (target.startsWith('/')) errors.push(invalidValue(`${at}.path`, target, 'must be a relative path'));
    if (target.split('/').includes('..')) errors.push(invalidValue(`${at}.path`, target, "must not contain '..'"));
    if (target.startsWith('..') && !target.startsWith('../')) {
      errors.push(invalidValue(`${at}.path`, target, "must not start with '..'"));
    }
    errors.push(...modeErrors(item, 'mode', at));
  });
  return errors;
}

const maxMode = 0o777;

function modeErrors(fields: Fields, key: string, path: string): StatusCause[] {
  const mode = numberAt(fields, key);
  if (mode === undefined || (mode >= 0 && mode <= maxMode)) return [];
  const detail = 'must be a number between 0 and 0777 (octal), both inclusive';
  return [invalidValue(`${path}.${key}`, mode, detail)];
}
