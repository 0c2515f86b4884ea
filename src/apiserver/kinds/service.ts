import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  portNumberErrors,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { endpointAddressErrors } from './addresses.ts';
import { invalidAll, isGiven, labelErrors, oneOf, portErrors } from './checks.ts';
import { ensureObject, mapAt, numberAt, objectAt, objectsAt, setDefault, textAt, textsAt } from './fields.ts';
import {
  clusterIpChangeErrors,
  clusterIpErrors,
  isHeadless,
  keepAllocated,
  syncClusterIps,
} from './service-addresses.ts';

const affinitySeconds = 10_800;
const maxAffinitySeconds = 86_400;
const exposed = ['NodePort', 'LoadBalancer'];

/** Services. Addresses and node ports are allocated by the server after prepareForCreate and prepareForUpdate. */
export const serviceStrategy: KindStrategy = {
  createsOnUpdate: true,
  applyDefaults(service) {
    const spec = ensureObject(service, 'spec');
    setDefault(spec, 'sessionAffinity', 'None');
    setDefault(spec, 'type', 'ClusterIP');
    defaultAffinity(spec);
    for (const port of objectsAt(spec, 'ports')) {
      setDefault(port, 'protocol', 'TCP');
      if (!port['targetPort']) port['targetPort'] = port['port'];
    }
    const type = textAt(spec, 'type');
    if (exposed.includes(type)) setDefault(spec, 'externalTrafficPolicy', 'Cluster');
    if (type !== 'ExternalName') setDefault(spec, 'internalTrafficPolicy', 'Cluster');
    if (type === 'LoadBalancer') setDefault(spec, 'allocateLoadBalancerNodePorts', true);
    syncClusterIps(spec);
  },
  prepareForCreate(service) {
    const spec = ensureObject(service, 'spec');
    service.status = { loadBalancer: {} };
    if (spec['type'] === 'ExternalName') return;
    setDefault(spec, 'ipFamilies', ['IPv4']);
    setDefault(spec, 'ipFamilyPolicy', 'SingleStack');
  },
  prepareForUpdate(service, old) {
    keepAllocated(ensureObject(service, 'spec'), old.spec ?? {});
  },
  validate(service, old) {
    const spec = service.spec ?? {};
    return [...(old ? clusterIpChangeErrors(spec, old.spec ?? {}) : []), ...serviceErrors(spec)];
  },
};

function defaultAffinity(spec: Fields): void {
  if (spec['sessionAffinity'] === 'None') delete spec['sessionAffinityConfig'];
  if (spec['sessionAffinity'] !== 'ClientIP') return;
  const clientIp = ensureObject(ensureObject(spec, 'sessionAffinityConfig'), 'clientIP');
  setDefault(clientIp, 'timeoutSeconds', affinitySeconds);
}

function serviceErrors(spec: Fields): StatusCause[] {
  const type = textAt(spec, 'type');
  const ports = objectsAt(spec, 'ports');
  const headless = isHeadless(spec);
  const errors: StatusCause[] = [];
  if (ports.length === 0 && !headless && type !== 'ExternalName') errors.push(requiredValue('spec.ports'));
  if (headless && exposed.includes(type)) {
    errors.push(invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  }
  if (type === 'ExternalName') errors.push(...externalNameErrors(spec));
  errors.push(...portsErrors(ports));
  errors.push(...labelErrors(mapAt(spec, 'selector'), 'spec.selector'));
  errors.push(...oneOf(spec, 'sessionAffinity', 'spec', ['ClientIP', 'None']), ...affinityErrors(spec));
  if (type !== 'ExternalName') errors.push(...clusterIpErrors(spec));
  textsAt(spec, 'externalIPs').forEach((address, index) => {
    errors.push(...endpointAddressErrors(address, `spec.externalIPs[${index}]`));
  });
  errors.push(...oneOf(spec, 'type', 'spec', ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']));
  return [...errors, ...typeErrors(spec, type, ports)];
}

function externalNameErrors(spec: Fields): StatusCause[] {
  const errors = ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy']
    .filter((key) => isGiven(spec[key]))
    .map((key) => forbiddenValue(`spec.${key}`, 'may not be set for ExternalName services'));
  const name = textAt(spec, 'externalName').replace(/\.$/, '');
  if (name === '') return [...errors, requiredValue('spec.externalName')];
  return [...errors, ...invalidAll('spec.externalName', name, dnsSubdomainErrors(name))];
}

function portsErrors(ports: readonly Fields[]): StatusCause[] {
  const names = new Set<string>();
  const errors = ports.flatMap((port, index) =>
    servicePortErrors(port, `spec.ports[${index}]`, ports.length > 1, names),
  );
  const [nodePorts, numbers] = [new Set<string>(), new Set<string>()];
  ports.forEach((port, index) => {
    const [protocol, nodePort, number] = [textAt(port, 'protocol'), numberAt(port, 'nodePort'), numberAt(port, 'port')];
    if (nodePort && nodePorts.has(`${protocol}/${nodePort}`)) {
      errors.push(duplicateValue(`spec.ports[${index}].nodePort`, nodePort));
    }
    if (nodePort) nodePorts.add(`${protocol}/${nodePort}`);
    if (numbers.has(`${protocol}/${number}`)) {
      // The internal type of upstream's ports, whose JSON is what it prints here.
      const value = { Name: '', Protocol: protocol, AppProtocol: null, Port: number, TargetPort: 0, NodePort: 0 };
      errors.push(duplicateValue(`spec.ports[${index}]`, value));
    }
    numbers.add(`${protocol}/${number}`);
  });
  return errors;
}

function servicePortErrors(port: Fields, path: string, needsName: boolean, names: Set<string>): StatusCause[] {
  const errors: StatusCause[] = [];
  const name = textAt(port, 'name');
  if (name === '' && needsName) errors.push(requiredValue(`${path}.name`));
  if (name !== '') {
    errors.push(...invalidAll(`${path}.name`, name, dnsLabelErrors(name)));
    if (names.has(name)) errors.push(duplicateValue(`${path}.name`, name));
    names.add(name);
  }
  const number = numberAt(port, 'port') ?? 0;
  errors.push(...invalidAll(`${path}.port`, number, portNumberErrors(number)));
  errors.push(...oneOf(port, 'protocol', path, ['SCTP', 'TCP', 'UDP']));
  errors.push(...portErrors(port['targetPort'], `${path}.targetPort`));
  const appProtocol = textAt(port, 'appProtocol');
  if (appProtocol !== '') {
    errors.push(...invalidAll(`${path}.appProtocol`, appProtocol, qualifiedNameErrors(appProtocol)));
  }
  return errors;
}

function affinityErrors(spec: Fields): StatusCause[] {
  if (spec['sessionAffinity'] !== 'ClientIP') return [];
  const seconds = numberAt(objectAt(objectAt(spec, 'sessionAffinityConfig'), 'clientIP'), 'timeoutSeconds') ?? 0;
  if (seconds > 0 && seconds <= maxAffinitySeconds) return [];
  const detail = `must be greater than 0 and less than ${maxAffinitySeconds}`;
  return [invalidValue('spec.sessionAffinityConfig.clientIP.timeoutSeconds', seconds, detail)];
}

/** What only some types of service may have. */
function typeErrors(spec: Fields, type: string, ports: readonly Fields[]): StatusCause[] {
  const errors: StatusCause[] = [];
  ports.forEach((port, index) => {
    if (type !== 'ClusterIP' || !port['nodePort']) return;
    const detail = "may not be used when `type` is 'ClusterIP'";
    errors.push(forbiddenValue(`spec.ports[${index}].nodePort`, detail));
  });
  for (const key of ['allocateLoadBalancerNodePorts', 'loadBalancerClass']) {
    if (type === 'LoadBalancer' || spec[key] === undefined) continue;
    errors.push(forbiddenValue(`spec.${key}`, "may only be used when `type` is 'LoadBalancer'"));
  }
  if (type !== 'LoadBalancer' && isGiven(spec['loadBalancerSourceRanges'])) {
    errors.push(forbiddenValue('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'"));
  }
  const isExposed = exposed.includes(type) || isGiven(spec['externalIPs']);
  if (textAt(spec, 'externalTrafficPolicy') === '') return errors;
  if (isExposed) return [...errors, ...oneOf(spec, 'externalTrafficPolicy', 'spec', ['Cluster', 'Local'])];
  const detail = 'may only be set for externally-accessible services';
  return [...errors, invalidValue('spec.externalTrafficPolicy', spec['externalTrafficPolicy'], detail)];
}
