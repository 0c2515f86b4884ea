import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  invalidValue,
  labelValueErrors,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooMany,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { endpointAddressErrors } from './addresses.ts';
import { invalidAll, isGiven } from './checks.ts';
import { objectAt, objectsAt, textAt, textsAt } from './fields.ts';
import { normalAddress, parseAddress, strictAddressErrors } from './networking/ip-values.ts';
import { addressWarnings } from './networking/ip-warnings.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const maxHints = 8;
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;

export const endpointSliceStrategy: KindStrategy = {
  applyDefaults(slice) {
    for (const port of objectsAt(slice, 'ports')) {
      if (port['name'] === undefined) port['name'] = '';
      port['protocol'] ??= 'TCP';
    }
  },
  prepareForCreate: dropTopology,
  prepareForUpdate: dropTopology,
  isChanged: ({ metadata }, old) => !equalJson(metadata.labels ?? {}, old.metadata.labels ?? {}),
  validate(slice, old) {
    const errors = addressTypeErrors(slice);
    errors.push(...slicePortErrors(objectsAt(slice, 'ports')));
    // Endpoints that are as they were fit the type that they were of.
    if (!old || !equalJson(slice['endpoints'], old['endpoints'])) {
      errors.push(...endpointsErrors(objectsAt(slice, 'endpoints'), textAt(slice, 'addressType')));
    }
    if (old && !equalJson(old['addressType'], slice['addressType'])) {
      errors.push(invalidValue('addressType', slice['addressType'], 'field is immutable'));
    }
    return errors;
  },
  warnings(slice) {
    const type = textAt(slice, 'addressType');
    if (type === 'FQDN') return ['spec.addressType: FQDN endpoints are deprecated'];
    return objectsAt(slice, 'endpoints').flatMap((endpoint, index) =>
      textsAt(endpoint, 'addresses').flatMap((address, i) =>
        addressWarnings(address, `endpoints[${index}].addresses[${i}]`),
      ),
    );
  },
};

/** The field belongs to a version that is gone. */
function dropTopology(slice: Fields): void {
  for (const endpoint of objectsAt(slice, 'endpoints')) delete endpoint['deprecatedTopology'];
}

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
    const protocol = textAt(port, 'protocol');
    if (!protocols.includes(protocol)) errors.push(unsupportedValue(`${path}.protocol`, protocol, protocols));
    const appProtocol = port['appProtocol'];
    if (appProtocol === undefined) return errors;
    return [...errors, ...invalidAll(`${path}.appProtocol`, appProtocol, qualifiedNameErrors(String(appProtocol)))];
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
    const { nodeName, hostname } = endpoint as { nodeName?: string; hostname?: string };
    if (nodeName !== undefined) errors.push(...invalidAll(`${path}.nodeName`, nodeName, dnsSubdomainErrors(nodeName)));
    errors.push(...hintsErrors(objectAt(endpoint, 'hints'), `${path}.hints`));
    if (hostname !== undefined) errors.push(...invalidAll(`${path}.hostname`, hostname, dnsLabelErrors(hostname)));
    return errors;
  });
}

/** For whom an endpoint is meant, each named once. */
function hintsErrors(hints: Fields | undefined, path: string): StatusCause[] {
  return ['forZones', 'forNodes'].flatMap((key) => {
    const names = objectsAt(hints, key).map((hint) => textAt(hint, 'name'));
    if (names.length > maxHints) return [tooMany(`${path}.${key}`, names.length, maxHints)];
    return names.flatMap((name, index) => {
      const at = `${path}.${key}[${index}].name`;
      const errors = invalidAll(at, name, key === 'forZones' ? labelValueErrors(name) : dnsSubdomainErrors(name));
      return names.indexOf(name) < index ? [duplicateValue(at, name), ...errors] : errors;
    });
  });
}

function sliceAddressErrors(address: string, type: string, path: string, index: number): StatusCause[] {
  const at = `${path}[${index}]`;
  if (type === 'FQDN') return domainErrors(address, at);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const family = parseAddress(address)?.family;
  if (family === undefined) return endpointAddressErrors(address, at);
  const fits = family === type ? [] : [invalidValue(path, address, `must be an ${type} address`)];
  // Leading zeros were let in from the first.
  const strict = type === 'IPv6' && fits.length === 0 ? invalidAll(at, address, strictAddressErrors(address)) : [];
  return [...fits, ...strict, ...endpointAddressErrors(normalAddress(address), at)];
}

function domainErrors(address: string, path: string): StatusCause[] {
  const name = address.replace(/\.$/, '');
  const errors = invalidAll(path, address, dnsSubdomainErrors(name));
  if (errors.length > 0 || name.includes('.')) return errors;
  return [invalidValue(path, address, 'should be a domain with at least two segments separated by dots')];
}
