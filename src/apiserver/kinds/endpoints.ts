import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  equalJson,
  type Fields,
  invalidValue,
  portNumberErrors,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { addressErrors, endpointAddressErrors } from './addresses.ts';
import { invalidAll, oneOf } from './checks.ts';
import { numberAt, objectsAt, setDefault, textAt } from './fields.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];

export const endpointsStrategy: KindStrategy = {
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  createsOnUpdate: true,
  applyDefaults(endpoints) {
    for (const subset of objectsAt(endpoints, 'subsets')) {
      for (const port of objectsAt(subset, 'ports')) setDefault(port, 'protocol', 'TCP');
    }
  },
  validate(endpoints, old) {
    if (old && equalJson(old['subsets'], endpoints['subsets'])) return [];
    return objectsAt(endpoints, 'subsets').flatMap((item, i) => subsetErrors(item, `subsets[${i}]`));
  },
};

function subsetErrors(subset: Fields, path: string): StatusCause[] {
  const ports = objectsAt(subset, 'ports');
  const lists = ['addresses', 'notReadyAddresses'];
  const errors: StatusCause[] = [];
  if (lists.every((key) => objectsAt(subset, key).length === 0)) {
    errors.push(requiredValue(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const key of lists) {
    objectsAt(subset, key).forEach((address, index) => {
      errors.push(...subsetAddressErrors(address, `${path}.${key}[${index}]`));
    });
  }
  return [
    ...errors,
    ...ports.flatMap((port, index) => subsetPortErrors(port, ports.length > 1, `${path}.ports[${index}]`)),
  ];
}

function subsetAddressErrors(address: Fields, path: string): StatusCause[] {
  const [ip, hostname, node] = [textAt(address, 'ip'), textAt(address, 'hostname'), address['nodeName']];
  const unreadable = addressErrors(ip, `${path}.ip`);
  return [
    ...unreadable,
    ...(hostname === '' ? [] : invalidAll(`${path}.hostname`, hostname, dnsLabelErrors(hostname))),
    ...(typeof node === 'string' ? invalidAll(`${path}.nodeName`, node, dnsSubdomainErrors(node)) : []),
    // Upstream says it of an unreadable address in two ways.
    ...(unreadable.length > 0
      ? [invalidValue(`${path}.ip`, ip, 'must be a valid IP address')]
      : endpointAddressErrors(ip, `${path}.ip`)),
  ];
}

function subsetPortErrors(port: Fields, needsName: boolean, path: string): StatusCause[] {
  const [name, number, protocol] = [textAt(port, 'name'), numberAt(port, 'port') ?? 0, port['appProtocol']];
  const errors = needsName && name === '' ? [requiredValue(`${path}.name`)] : [];
  if (name !== '') errors.push(...invalidAll(`${path}.name`, name, dnsLabelErrors(name)));
  errors.push(...invalidAll(`${path}.port`, number, portNumberErrors(number)));
  errors.push(...oneOf(port, 'protocol', path, protocols));
  if (typeof protocol !== 'string') return errors;
  return [...errors, ...invalidAll(`${path}.appProtocol`, protocol, qualifiedNameErrors(protocol))];
}
