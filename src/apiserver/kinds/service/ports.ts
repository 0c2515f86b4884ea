import {
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  portNumberErrors,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
} from '../../../machinery/index.ts';
import { invalidAll, oneOf, portErrors } from '../checks.ts';
import { numberAt, objectsAt, textAt } from '../fields.ts';

/** What is wrong with each port by itself, and with the names of all. */
export function portsErrors(spec: Fields): StatusCause[] {
  const ports = objectsAt(spec, 'ports');
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const path = `spec.ports[${index}]`;
    return [...nameErrors(port, path, ports.length > 1, names), ...servicePortErrors(port, path)];
  });
}

function nameErrors(port: Fields, path: string, needsName: boolean, names: Set<string>): StatusCause[] {
  const name = textAt(port, 'name');
  if (name === '') return needsName ? [requiredValue(`${path}.name`)] : [];
  const errors = invalidAll(`${path}.name`, name, dnsLabelErrors(name));
  if (names.has(name)) errors.push(duplicateValue(`${path}.name`, name));
  names.add(name);
  return errors;
}

function servicePortErrors(port: Fields, path: string): StatusCause[] {
  const number = numberAt(port, 'port') ?? 0;
  const errors = [
    ...invalidAll(`${path}.port`, number, portNumberErrors(number)),
    ...oneOf(port, 'protocol', path, ['SCTP', 'TCP', 'UDP']),
    ...portErrors(port['targetPort'], `${path}.targetPort`),
  ];
  if (port['appProtocol'] === undefined) return errors;
  const appProtocol = textAt(port, 'appProtocol');
  return [...errors, ...invalidAll(`${path}.appProtocol`, appProtocol, qualifiedNameErrors(appProtocol))];
}

/** Node ports where there are none to have, and ports that occur twice. */
export function nodePortErrors(spec: Fields): StatusCause[] {
  const ports = objectsAt(spec, 'ports');
  const errors: StatusCause[] = [];
  if (textAt(spec, 'type') === 'ClusterIP') {
    const detail = "may not be used when `type` is 'ClusterIP'";
    ports.forEach((port, index) => {
      if (port['nodePort']) errors.push(forbiddenValue(`spec.ports[${index}].nodePort`, detail));
    });
  }
  const [nodePorts, numbers] = [new Set<string>(), new Set<string>()];
  ports.forEach((port, index) => {
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    const key = `${textAt(port, 'protocol')}/${nodePort}`;
    if (nodePort !== 0 && nodePorts.has(key)) {
      errors.push(duplicateValue(`spec.ports[${index}].nodePort`, nodePort));
    }
    nodePorts.add(key);
  });
  ports.forEach((port, index) => {
    const [protocol, number] = [textAt(port, 'protocol'), numberAt(port, 'port') ?? 0];
    // The internal type of upstream's ports, whose JSON is what it prints here.
    const value = { Name: '', Protocol: protocol, AppProtocol: null, Port: number, TargetPort: 0, NodePort: 0 };
    if (numbers.has(`${protocol}/${number}`)) errors.push(duplicateValue(`spec.ports[${index}]`, value));
    numbers.add(`${protocol}/${number}`);
  });
  return errors;
}
