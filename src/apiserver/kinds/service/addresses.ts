import {
  duplicateValue,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { endpointAddressErrors, legacyAddressErrors } from '../addresses.ts';
import { textAt, textsAt } from '../fields.ts';
import { type IpFamily, normalAddress, parseAddress } from '../networking/ip-values.ts';
import { isExternalName, isHeadless } from './types.ts';

const path = 'spec.clusterIPs';
const families = ['IPv4', 'IPv6'];
const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/** The family of an address; undefined for what is none. */
export const familyOf = (address: string): IpFamily | undefined => parseAddress(address)?.family;

/** What is wrong with a service's addresses and families. Those of an ExternalName are refused as such. */
export function addressesErrors(spec: Fields, old: Fields | undefined): StatusCause[] {
  if (isExternalName(spec)) return [];
  const addresses = textsAt(spec, 'clusterIPs');
  const errors = [...primaryErrors(textAt(spec, 'clusterIP'), addresses), ...familiesErrors(spec)];
  const policy = spec['ipFamilyPolicy'];
  if (policy !== undefined && !policies.includes(String(policy))) {
    errors.push(unsupportedValue('spec.ipFamilyPolicy', policy, policies));
  }
  const wrong = valueErrors(addresses, textsAt(old, 'clusterIPs'));
  errors.push(...wrong);
  if (addresses.length > 2) errors.push(invalidValue(path, addresses, 'may only hold up to 2 values'));
  // Of values that are no addresses there is nothing more to say.
  if (wrong.length > 0) return errors;
  if (addresses.length > 1 && new Set(addresses.map(familyOf)).size !== 2) {
    errors.push(invalidValue(path, addresses, 'may specify no more than one IP for each IP family'));
  }
  return isHeadless(spec) ? errors : [...errors, ...matchErrors(addresses, textsAt(spec, 'ipFamilies'))];
}

/** clusterIP and the first of clusterIPs are one. */
function primaryErrors(address: string, addresses: readonly string[]): StatusCause[] {
  if (address === '') {
    if (addresses.length === 0) return [];
    return [invalidValue(path, addresses, 'must be empty when `clusterIP` is not specified')];
  }
  if (addresses.length === 0) return [requiredValue(path)];
  return addresses[0] === address ? [] : [invalidValue(path, addresses, 'first value must match `clusterIP`')];
}

function familiesErrors(spec: Fields): StatusCause[] {
  const seen = new Set<string>();
  return textsAt(spec, 'ipFamilies').flatMap((family, index) => {
    const at = `spec.ipFamilies[${index}]`;
    const errors = families.includes(family) ? [] : [unsupportedValue(at, family, families)];
    if (seen.has(family)) errors.push(duplicateValue(at, family));
    seen.add(family);
    return errors;
  });
}

function valueErrors(addresses: readonly string[], known: readonly string[]): StatusCause[] {
  return addresses.flatMap((address, index) => {
    if (index > 0 || address !== 'None') {
      return known.includes(address) ? [] : legacyAddressErrors(address, `${path}[${index}]`);
    }
    return addresses.length === 1 ? [] : [invalidValue(path, addresses, "'None' must be the first and only value")];
  });
}

/** Addresses go with the families that are given for them. */
function matchErrors(addresses: readonly string[], given: readonly string[]): StatusCause[] {
  return addresses.flatMap((address, index) => {
    const family = given[index];
    if (family === undefined || !families.includes(family) || family === familyOf(address)) return [];
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``;
    return [invalidValue(`${path}[${index}]`, address, detail)];
  });
}

/** Addresses of other makes at which nodes take a service's traffic. What was let in once stays. */
export function externalIpErrors(spec: Fields, old: Fields | undefined): StatusCause[] {
  const known = textsAt(old, 'externalIPs');
  return textsAt(spec, 'externalIPs').flatMap((address, index) => {
    const at = `spec.externalIPs[${index}]`;
    const errors = known.includes(address) ? [] : legacyAddressErrors(address, at);
    return errors.length > 0 ? errors : endpointAddressErrors(normalAddress(address), at);
  });
}
