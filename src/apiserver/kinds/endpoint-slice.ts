import { isIP, isIPv4, isIPv6 } from 'node:net';
import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  invalidValue,
  requiredValue,
  type StatusCause,
  tooMany,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { endpointAddressErrors } from './addresses.ts';
import { invalidAll, isGiven, oneOf } from './checks.ts';
import { objectsAt, setDefault, textAt, textsAt } from './fields.ts';

const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;

export const endpointSliceStrategy: KindStrategy = {
  applyDefaults(slice) {
    for (const port of objectsAt(slice, 'ports')) {
      if (port['name'] === undefined) port['name'] = '';
      setDefault(port, 'protocol', 'TCP');
    }
  },
  validate(slice, old) {
    const errors = addressTypeErrors(slice);
    errors.push(...slicePortErrors(objectsAt(slice, 'ports')));
    errors.push(...endpointsErrors(objectsAt(slice, 'endpoints'), textAt(slice, 'addressType')));
    if (old && !equalJson(old['addressType'], slice['addressType'])) {
      errors.push(invalidValue('addressType', slice['addressType'], 'field is immutable'));
    }
    return errors;
  },
};

function addressTypeErrors(slice: Fields): StatusCause[] {
  const type = textAt(slice, 'addressType');
  const supported = ['FQDN', 'IPv4', 'IPv6'];
  if (type === '') return [requiredValue('addressType')];
  return supported.includes(type) ? [] : [unsupportedValue('addressType', type, supported)];
}

function slicePortErrors(ports: readonly Fields[]): StatusCause[] {
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const path = `ports[${index}]`;
    const name = textAt(port, 'name');
    const errors = name === '' ? [] : invalidAll(`${path}.name`, name, dnsLabelErrors(name));
    if (names.has(name)) errors.push(duplicateValue(`${path}.name`, name));
    names.add(name);
    return [...errors, ...oneOf(port, 'protocol', path, ['SCTP', 'TCP', 'UDP'])];
  });
}

function endpointsErrors(endpoints: readonly Fields[], type: string): StatusCause[] {
  if (endpoints.length > maxEndpoints) return [tooMany('endpoints', endpoints.length, maxEndpoints)];
  return endpoints.flatMap((endpoint, index) => {
    const path = `endpoints[${index}]`;
    const addresses = textsAt(endpoint, 'addresses');
    const errors: StatusCause[] = [];
    if (!isGiven(addresses)) errors.push(requiredValue(`${path}.addresses`, 'must contain at least 1 address'));
    if (addresses.length > maxAddresses) {
      errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
    }
    addresses.forEach((address, i) => {
      errors.push(...sliceAddressErrors(address, type, `${path}.addresses`, i));
    });
    const node = textAt(endpoint, 'nodeName');
    if (node !== '') errors.push(...invalidAll(`${path}.nodeName`, node, dnsSubdomainErrors(node)));
    const hostname = textAt(endpoint, 'hostname');
    if (hostname !== '') errors.push(...invalidAll(`${path}.hostname`, hostname, dnsLabelErrors(hostname)));
    return errors;
  });
}

function sliceAddressErrors(address: string, type: string, path: string, index: number): StatusCause[] {
  const at = `${path}[${index}]`;
  if (type === 'FQDN') return invalidAll(at, address, dnsSubdomainErrors(address.replace(/\.$/, '')));
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const errors = endpointAddressErrors(address, at);
  const fits = type === 'IPv4' ? isIPv4(address) : isIPv6(address);
  if (isIP(address) !== 0 && !fits) errors.push(invalidValue(path, address, `must be an ${type} address`));
  return errors;
}
