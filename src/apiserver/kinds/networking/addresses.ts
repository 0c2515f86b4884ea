import {
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, textAt, textsAt } from '../fields.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { pathSegmentErrors } from '../path-segment.ts';
import { cidrErrors, parseCidr, strictAddressErrors } from './ip-values.ts';

const parentShape: Shape = {
  Group: 'group=""',
  Resource: 'resource=""',
  Namespace: 'namespace=""',
  Name: 'name=""',
};

export const ipAddressStrategy: KindStrategy = {
  nameErrors: strictAddressErrors,
  validate({ spec }, old) {
    const errors = parentErrors(objectAt(spec, 'parentRef'), 'spec.parentRef');
    return old ? [...errors, ...parentChangeErrors(spec, old)] : errors;
  },
};

function parentErrors(parent: Fields | undefined, path: string): StatusCause[] {
  if (!parent) return [requiredValue(path)];
  const group = textAt(parent, 'group');
  const errors = group === '' ? [] : invalidAll(`${path}.group`, group, dnsSubdomainErrors(group));
  for (const key of ['resource', 'name', 'namespace']) {
    const value = textAt(parent, key);
    if (value !== '') errors.push(...invalidAll(`${path}.${key}`, value, pathSegmentErrors(value)));
    else if (key !== 'namespace') errors.push(requiredValue(`${path}.${key}`));
  }
  return errors;
}

function parentChangeErrors(spec: Fields | undefined, old: KubeObject): StatusCause[] {
  const [parent, before] = [objectAt(spec, 'parentRef') ?? {}, objectAt(old.spec, 'parentRef') ?? {}];
  if (equalJson(parent, before)) return [];
  return [invalidValue('spec.parentRef', internalForm(parent, parentShape), 'field is immutable')];
}

export const serviceCidrStrategy: KindStrategy = {
  validate({ spec }, old) {
    const cidrs = textsAt(spec, 'cidrs');
    return old ? cidrChangeErrors(cidrs, textsAt(old.spec, 'cidrs')) : cidrsErrors(cidrs);
  },
};

const cidrsPath = 'spec.cidrs';

function cidrsErrors(cidrs: readonly string[]): StatusCause[] {
  if (cidrs.length === 0) return [requiredValue(cidrsPath, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalidValue(cidrsPath, { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, index) => cidrErrors(cidr, `${cidrsPath}[${index}]`));
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (cidrs.length === 2 && first !== undefined && first === second) {
    const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.push(invalidValue(cidrsPath, cidrs, detail));
  }
  return errors;
}

const immutable = 'field is immutable';

/** A range may gain the other family, and nothing else. */
function cidrChangeErrors(cidrs: readonly string[], old: readonly string[]): StatusCause[] {
  const grows = old.length === 1 && cidrs.length === 2;
  if (!grows && cidrs.length !== old.length) return [invalidValue(cidrsPath, cidrs, immutable)];
  const errors = old.flatMap((cidr, index) =>
    cidr === cidrs[index] ? [] : [invalidValue(`${cidrsPath}[${index}]`, cidrs[index], immutable)],
  );
  return grows ? [...errors, ...cidrsErrors(cidrs)] : errors;
}
