import { dnsSubdomainErrors, invalidValue, requiredValue, type StatusCause } from '../../machinery/index.ts';
import { invalidAll } from './checks.ts';

const pathPattern = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

/** A path below a domain: 'acme.io/foo', as names of controllers and conditions are. */
export function domainPrefixedPathErrors(text: string, field: string): StatusCause[] {
  if (text === '') return [requiredValue(field)];
  const slash = text.indexOf('/');
  const [domain, path] = slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
  if (slash < 0 || domain === '' || path === '') {
    return [invalidValue(field, text, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  }
  const errors = invalidAll(field, domain, dnsSubdomainErrors(domain));
  if (pathPattern.test(path)) return errors;
  const regex = `[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+`;
  return [...errors, invalidValue(field, path, `Invalid path (regex used for validation is '${regex}')`)];
}
