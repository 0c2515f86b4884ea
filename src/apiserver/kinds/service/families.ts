import { equalJson, type Fields, invalidValue, type StatusCause } from '../../../machinery/index.ts';
import { isGiven } from '../checks.ts';
import { textAt, textsAt } from '../fields.ts';
import { addressesErrors, familyOf } from './addresses.ts';
import { isExternalName } from './types.ts';

/** The one family in which this server gives addresses away. */
const served = 'IPv4';
const policyPath = 'spec.ipFamilyPolicy';

/**
 * Works out the policy and the families that a service leaves open, in place, as a cluster with one range of IPv4
 * addresses does. Returns what stands against that; nothing else is validated then.
 */
export function settleFamilies(spec: Fields, old: Fields | undefined): StatusCause[] {
  if (isExternalName(spec) || prefersAsBefore(spec, old)) return [];
  const anywhere = textAt(spec, 'clusterIP') === 'None' && !isGiven(spec['selector']);
  spec['ipFamilyPolicy'] ??= old?.['ipFamilyPolicy'] ?? (anywhere ? 'RequireDualStack' : 'SingleStack');
  const wrong = addressesErrors(spec, old);
  if (wrong.length > 0) return wrong;
  const errors = [...(old ? settleReduced(spec, old) : []), ...policyErrors(spec), ...inferFamilies(spec)];
  if (errors.length > 0) return errors;
  return anywhere ? settleSelectorless(spec) : settleServed(spec);
}

/** A preference that was settled once is not settled anew because the cluster has changed. */
function prefersAsBefore(spec: Fields, old: Fields | undefined): boolean {
  if (textAt(spec, 'ipFamilyPolicy') !== 'PreferDualStack') return false;
  return ['type', 'ipFamilyPolicy', 'clusterIPs', 'ipFamilies'].every((key) => equalJson(spec[key], old?.[key]));
}

/** Asking for a single stack lets go of what is second; nothing else does. */
function settleReduced(spec: Fields, old: Fields): StatusCause[] {
  const nouns = { clusterIPs: 'cluster IP', ipFamilies: 'IP family' };
  const policy = textAt(spec, 'ipFamilyPolicy');
  const errors: StatusCause[] = [];
  for (const [key, noun] of Object.entries(nouns)) {
    const [values, before] = [textsAt(spec, key), textsAt(old, key)];
    if (policy === 'SingleStack') {
      if (equalJson(values, before) && values.length > 1) spec[key] = values.slice(0, 1);
    } else if (values.length === 1 && before.length === 2 && values[0] === before[0]) {
      errors.push(invalidValue(policyPath, policy, `must be 'SingleStack' to release the secondary ${noun}`));
    }
  }
  return errors;
}

function policyErrors(spec: Fields): StatusCause[] {
  const policy = textAt(spec, 'ipFamilyPolicy');
  const needed = (what: string): StatusCause =>
    invalidValue(
      policyPath,
      policy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  if (policy !== 'SingleStack') return [];
  return [
    ...(textsAt(spec, 'clusterIPs').length === 2 ? [needed('cluster IPs')] : []),
    ...(textsAt(spec, 'ipFamilies').length === 2 ? [needed('IP families')] : []),
  ];
}

/** Addresses that the client chose say of which families they are. */
function inferFamilies(spec: Fields): StatusCause[] {
  const addresses = textsAt(spec, 'clusterIPs');
  const families = textsAt(spec, 'ipFamilies');
  const errors: StatusCause[] = [];
  addresses.forEach((address, index) => {
    const family = familyOf(address);
    if (family === undefined || index < families.length) return;
    if (family === served) families.push(family);
    else
      errors.push(invalidValue(`spec.clusterIPs[${index}]`, addresses, `${family} is not configured on this cluster`));
  });
  if (families.length > 0) spec['ipFamilies'] = families;
  return errors;
}

/** Endpoints that somebody else keeps may be of both families, whatever the cluster's own are. */
function settleSelectorless(spec: Fields): StatusCause[] {
  const [first = served, second] = textsAt(spec, 'ipFamilies');
  const both = second !== undefined || textAt(spec, 'ipFamilyPolicy') !== 'SingleStack';
  spec['ipFamilies'] = both ? [first, second ?? (first === 'IPv4' ? 'IPv6' : 'IPv4')] : [first];
  return [];
}

function settleServed(spec: Fields): StatusCause[] {
  const policy = textAt(spec, 'ipFamilyPolicy');
  const errors: StatusCause[] = [];
  if (policy === 'RequireDualStack') {
    errors.push(invalidValue(policyPath, policy, 'this cluster is not configured for dual-stack services'));
  }
  textsAt(spec, 'ipFamilies').forEach((family, index) => {
    if (family === served) return;
    errors.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
  });
  if (errors.length === 0) spec['ipFamilies'] = [served];
  return errors;
}
