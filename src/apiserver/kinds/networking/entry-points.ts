import {
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  type KubeObject,
  type StatusCause,
} from '../../../machinery/index.ts';
import { legacyAddressErrors } from '../addresses.ts';
import { invalidAll } from '../checks.ts';
import { objectAt, objectsAt, textAt } from '../fields.ts';
import { parseAddress } from './ip-values.ts';
import { addressWarnings } from './ip-warnings.ts';

/** Where traffic enters, as a load balancer says in the status of a Service or an Ingress. */
export const entryPoints = ({ status }: KubeObject): readonly Fields[] =>
  objectsAt(objectAt(status, 'loadBalancer'), 'ingress');

/** What is wrong with the address of a point of entry. What was let in once stays. */
export function entryAddressErrors(point: Fields, path: string, old: KubeObject | undefined): StatusCause[] {
  const address = textAt(point, 'ip');
  if (address === '' || (old && entryPoints(old).some((before) => before['ip'] === address))) return [];
  return legacyAddressErrors(address, `${path}.ip`);
}

/** What is wrong with the name of a point of entry. */
export function entryNameErrors(point: Fields, path: string): StatusCause[] {
  const name = textAt(point, 'hostname');
  if (name === '') return [];
  const errors = invalidAll(`${path}.hostname`, name, dnsSubdomainErrors(name));
  if (!parseAddress(name)) return errors;
  return [...errors, invalidValue(`${path}.hostname`, name, 'must be a DNS name, not an IP address')];
}

/** What a client should know about points of entry that are right. */
export function entryPointWarnings(object: KubeObject): string[] {
  return entryPoints(object).flatMap((point, index) =>
    addressWarnings(textAt(point, 'ip'), `status.loadBalancer.ingress[${index}]`),
  );
}
