import {
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { legacyAddressErrors } from '../addresses.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../fields.ts';

const maxNameservers = 3;
const maxSearches = 32;
const maxSearchLength = 2048;

/** What is wrong with the resolver configuration of a pod's spec. */
export function dnsErrors(spec: Fields, path: string): StatusCause[] {
  const config = objectAt(spec, 'dnsConfig');
  const [servers, searches] = [textsAt(config, 'nameservers'), textsAt(config, 'searches')];
  if (textAt(spec, 'dnsPolicy') === 'None') {
    if (!config) return [requiredValue(path, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
    if (servers.length === 0) return [requiredValue(`${path}.nameservers`, detail)];
  }
  const errors: StatusCause[] = [];
  if (servers.length > maxNameservers) {
    const detail = `must not have more than ${maxNameservers} nameservers`;
    errors.push(invalidValue(`${path}.nameservers`, servers, detail));
  }
  errors.push(...servers.flatMap((server, i) => legacyAddressErrors(server, `${path}.nameservers[${i}]`)));
  if (searches.length > maxSearches) {
    errors.push(invalidValue(`${path}.searches`, searches, `must not have more than ${maxSearches} search paths`));
  }
  if (searches.join(' ').length > maxSearchLength) {
    const detail = `must not have more than ${maxSearchLength} characters (including spaces) in the search list`;
    errors.push(invalidValue(`${path}.searches`, searches, detail));
  }
  errors.push(...searches.flatMap((search, i) => searchErrors(search, `${path}.searches[${i}]`)));
  objectsAt(config, 'options').forEach((option, i) => {
    if (textAt(option, 'name') === '') errors.push(requiredValue(`${path}.options[${i}]`, 'must not be empty'));
  });
  return errors;
}

const label = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const searchFormat = `${label}(\\.${label})*`;
const searchPattern = new RegExp(`^${searchFormat}$`);

/** A domain to look names up in; unlike names of objects it may have underscores, and a dot at its end. */
function searchErrors(text: string, path: string): StatusCause[] {
  if (text === '.') return [];
  const search = text.replace(/\.$/, '');
  const tooLong = dnsSubdomainErrors(search).filter((error) => error.startsWith('must be no more'));
  if (search.length > maxSearchLength || searchPattern.test(search)) return invalidAll(path, search, tooLong);
  const what =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  const detail = `${what} (e.g. 'example.com', regex used for validation is '${searchFormat}')`;
  return invalidAll(path, search, [...tooLong, detail]);
}
