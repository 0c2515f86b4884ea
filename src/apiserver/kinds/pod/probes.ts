import {
  type Fields,
  forbiddenValue,
  headerNameErrors,
  invalidValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import { invalidAll, nonNegative, portErrors } from '../checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from '../fields.ts';

type Handler = (action: Fields, path: string, graceSeconds: number) => StatusCause[];

/** What probes and hooks can do, in the order in which that is checked. */
const handlers: Record<string, Handler> = {
  exec: (action, path) =>
    Array.isArray(action['command']) && action['command'].length > 0 ? [] : [requiredValue(`${path}.command`)],
  httpGet: httpGetErrors,
  tcpSocket: (action, path) => portErrors(action['port'], `${path}.port`),
  grpc: (action, path) => portErrors(action['port'], `${path}.port`),
  sleep: (action, path, graceSeconds) => {
    const seconds = numberAt(action, 'seconds') ?? 0;
    if (seconds >= 0 && seconds <= graceSeconds) return [];
    const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
    return [invalidValue(path, seconds, detail)];
  },
};

const schemes = ['HTTP', 'HTTPS'];

function httpGetErrors(action: Fields, path: string): StatusCause[] {
  const scheme = textAt(action, 'scheme');
  const errors = textAt(action, 'path') === '' ? [requiredValue(`${path}.path`)] : [];
  errors.push(...portErrors(action['port'], `${path}.port`));
  if (!schemes.includes(scheme)) errors.push(unsupportedValue(`${path}.scheme`, scheme, schemes));
  for (const header of objectsAt(action, 'httpHeaders')) {
    const name = textAt(header, 'name');
    errors.push(...invalidAll(`${path}.httpHeaders`, name, headerNameErrors(name)));
  }
  return errors;
}

/** What is wrong with the one thing that a probe or hook does. */
function handlerErrors(handler: Fields, path: string, graceSeconds: number): StatusCause[] {
  const errors: StatusCause[] = [];
  let found = false;
  for (const [name, check] of Object.entries(handlers)) {
    const action = objectAt(handler, name);
    if (!action) continue;
    if (found) errors.push(forbiddenValue(`${path}.${name}`, 'may not specify more than 1 handler type'));
    else errors.push(...check(action, `${path}.${name}`, graceSeconds));
    found = true;
  }
  return found ? errors : [requiredValue(path, 'must specify a handler type')];
}

const timings = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];

function probeErrors(probe: Fields, path: string, graceSeconds: number): StatusCause[] {
  const errors = [
    ...handlerErrors(probe, path, graceSeconds),
    ...timings.flatMap((key) => nonNegative(probe, key, path)),
  ];
  const grace = numberAt(probe, 'terminationGracePeriodSeconds');
  if (grace !== undefined && grace <= 0) {
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return errors;
}

/** What is wrong with a container's probes and hooks. `graceSeconds` is what its pod has to end. */
export function lifecycleErrors(container: Fields, path: string, graceSeconds: number): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const hook of ['postStart', 'preStop']) {
    const handler = objectAt(objectAt(container, 'lifecycle'), hook);
    if (handler) errors.push(...handlerErrors(handler, `${path}.lifecycle.${hook}`, graceSeconds));
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectAt(container, name);
    if (!probe) continue;
    errors.push(...probeErrors(probe, `${path}.${name}`, graceSeconds));
    const threshold = numberAt(probe, 'successThreshold');
    if (name !== 'readinessProbe' && threshold !== 1) {
      errors.push(invalidValue(`${path}.${name}.successThreshold`, threshold, 'must be 1'));
    }
    const grace = numberAt(probe, 'terminationGracePeriodSeconds');
    if (name === 'readinessProbe' && grace !== undefined) {
      const field = `${path}.${name}.terminationGracePeriodSeconds`;
      errors.push(invalidValue(field, grace, 'must not be set for readinessProbes'));
    }
  }
  return errors;
}
