import {
  dnsLabelErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  portNameErrors,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, oneOf } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';
import { envErrors } from './env.ts';
import { mountErrors, type Volumes } from './mounts.ts';
import { containerResourceErrors } from './resources.ts';
import { containerSecurityErrors } from './security.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];

/** What the containers of a pod have in common. */
export interface PodContext {
  readonly volumes: Volumes;
  /** The names of its resource claims. */
  readonly claims: ReadonlySet<string>;
  readonly restartPolicy: string;
  /** True unless the pod has users of its own. */
  readonly hostUsers: boolean;
  /** The seconds that it has to end. */
  readonly graceSeconds: number;
}

/** What is wrong with a container of any sort, its probes and hooks apart. */
export function containerErrors(container: Fields, path: string, pod: PodContext): StatusCause[] {
  const name = textAt(container, 'name');
  return [
    ...(name === '' ? [requiredValue(`${path}.name`)] : invalidAll(`${path}.name`, name, dnsLabelErrors(name))),
    ...(textAt(container, 'image') === '' ? [requiredValue(`${path}.image`)] : []),
    ...oneOf(container, 'terminationMessagePolicy', path, messagePolicies),
    ...portsErrors(objectsAt(container, 'ports'), `${path}.ports`),
    ...envErrors(container, path),
    ...mountErrors(container, path, pod.volumes),
    ...oneOf(container, 'imagePullPolicy', path, pullPolicies),
    ...containerResourceErrors(objectAt(container, 'resources'), `${path}.resources`, pod.claims),
    ...resizePolicyErrors(objectsAt(container, 'resizePolicy'), `${path}.resizePolicy`, pod.restartPolicy),
    ...containerSecurityErrors(objectAt(container, 'securityContext'), `${path}.securityContext`, pod.hostUsers),
  ];
}

function portsErrors(ports: readonly Fields[], path: string): StatusCause[] {
  const names = new Set<string>();
  return ports.flatMap((port, index) => {
    const at = `${path}[${index}]`;
    const errors: StatusCause[] = [];
    const name = textAt(port, 'name');
    const nameErrors = name === '' ? [] : portNameErrors(name);
    if (nameErrors.length > 0) errors.push(...invalidAll(`${at}.name`, name, nameErrors));
    else if (name !== '' && names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    const number = numberAt(port, 'containerPort') ?? 0;
    if (number === 0) errors.push(requiredValue(`${at}.containerPort`));
    else errors.push(...invalidAll(`${at}.containerPort`, number, portNumberErrors(number)));
    const hostPort = numberAt(port, 'hostPort') ?? 0;
    if (hostPort !== 0) errors.push(...invalidAll(`${at}.hostPort`, hostPort, portNumberErrors(hostPort)));
    return [...errors, ...oneOf(port, 'protocol', at, protocols)];
  });
}

const resizable = ['cpu', 'memory'];
const resizePolicies = ['NotRequired', 'RestartContainer'];

/** All but duplicates are said of the list. */
function resizePolicyErrors(policies: readonly Fields[], path: string, restartPolicy: string): StatusCause[] {
  const seen = new Set<string>();
  const check = (value: string, supported: readonly string[]): StatusCause[] => {
    if (value === '') return [requiredValue(path)];
    return supported.includes(value) ? [] : [unsupportedValue(path, value, supported)];
  };
  return policies.flatMap((policy, index) => {
    const [resource, restart] = [textAt(policy, 'resourceName'), textAt(policy, 'restartPolicy')];
    const errors = seen.has(resource) ? [duplicateValue(`${path}[${index}]`, resource)] : [];
    seen.add(resource);
    errors.push(...check(resource, resizable), ...check(restart, resizePolicies));
    if (restartPolicy === 'Never' && restart !== 'NotRequired') {
      const detail = "must be 'NotRequired' when `restartPolicy` is 'Never'";
      errors.push(invalidValue(path, restart, detail));
    }
    return errors;
  });
}
