import {
  dnsSubdomainErrors,
  envNameErrors,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { envFields, fieldReferenceErrors, keyReferenceErrors, resourceReferenceErrors } from './references.ts';

const sources: Record<string, (reference: Fields, path: string) => StatusCause[]> = {
  fieldRef: (reference, path) => fieldReferenceErrors(reference, path, envFields),
  resourceFieldRef: (reference, path) => resourceReferenceErrors(reference, path, false),
  configMapKeyRef: keyReferenceErrors,
  secretKeyRef: keyReferenceErrors,
};

/** What is wrong with a container's environment. */
export function envErrors(container: Fields, path: string): StatusCause[] {
  return [
    ...objectsAt(container, 'env').flatMap((variable, i) => variableErrors(variable, `${path}.env[${i}]`)),
    ...objectsAt(container, 'envFrom').flatMap((source, i) => sourceErrors(source, `${path}.envFrom`, i)),
  ];
}

function variableErrors(variable: Fields, path: string): StatusCause[] {
  const name = textAt(variable, 'name');
  const errors = name === '' ? [requiredValue(`${path}.name`)] : invalidAll(`${path}.name`, name, envNameErrors(name));
  const from = objectAt(variable, 'valueFrom');
  if (!from) return errors;
  const at = `${path}.valueFrom`;
  const given = Object.keys(sources).filter((key) => objectAt(from, key));
  for (const key of given) errors.push(...(sources[key]?.(objectAt(from, key) ?? {}, `${at}.${key}`) ?? []));
  const wrong = (detail: string): number => errors.push(invalidValue(at, '', detail));
  if (given.length === 0) {
    wrong('must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`');
  } else if (textAt(variable, 'value') !== '') wrong('may not be specified when `value` is not empty');
  else if (given.length > 1) wrong('may not have more than one field specified at a time');
  return errors;
}

function sourceErrors(source: Fields, list: string, index: number): StatusCause[] {
  const path = `${list}[${index}]`;
  const prefix = textAt(source, 'prefix');
  const errors = prefix === '' ? [] : invalidAll(`${path}.prefix`, prefix, envNameErrors(prefix));
  const given = ['configMapRef', 'secretRef'].filter((key) => objectAt(source, key));
  for (const key of given) {
    const name = textAt(objectAt(source, key), 'name');
    if (name === '') errors.push(requiredValue(`${path}.${key}.name`));
    else errors.push(...invalidAll(`${path}.${key}.name`, name, dnsSubdomainErrors(name)));
  }
  // These two are said of the whole list.
  if (given.length === 0) errors.push(invalidValue(list, '', 'must specify one of: `configMapRef` or `secretRef`'));
  if (given.length > 1) errors.push(invalidValue(list, '', 'may not have more than one field specified at a time'));
  return errors;
}
