import {
  dns1035LabelErrors,
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import { textAt } from './fields.ts';

/** What is wrong with the kind of a policy's parameters. */
export function paramKindErrors(paramKind: Fields, path: string): StatusCause[] {
  return [
    ...apiVersionErrors(textAt(paramKind, 'apiVersion'), `${path}.apiVersion`),
    ...kindErrors(textAt(paramKind, 'kind'), `${path}.kind`),
  ];
}

function apiVersionErrors(apiVersion: string, path: string): StatusCause[] {
  if (apiVersion === '') return [requiredValue(path)];
  const parts = apiVersion.split('/');
  if (parts.length > 2) return [invalidValue(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const version = parts.at(-1) ?? '';
  const group = parts.length === 2 ? (parts[0] ?? '') : '';
  const errors: StatusCause[] = [];
  const wrongGroup = group === '' ? [] : dnsSubdomainErrors(group);
  if (wrongGroup.length > 0) errors.push(invalidValue(path, group, wrongGroup.join(',')));
  if (version === '') return [...errors, invalidValue(path, apiVersion, 'version must be specified')];
  const wrongVersion = dns1035LabelErrors(version);
  if (wrongVersion.length > 0) errors.push(invalidValue(path, version, wrongVersion.join(',')));
  return errors;
}

function kindErrors(kind: string, path: string): StatusCause[] {
  if (kind === '') return [requiredValue(path)];
  const wrong = dns1035LabelErrors(kind.toLowerCase());
  if (wrong.length === 0) return [];
  return [invalidValue(path, kind, `may have mixed case, but should otherwise match: ${wrong.join(',')}`)];
}
