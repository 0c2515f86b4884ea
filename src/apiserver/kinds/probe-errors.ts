import {
  type Fields,
  forbiddenValue,
  headerNameErrors,
  invalidValue,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import { invalidAll, nonNegative, oneOf, portErrors } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt } from './fields.ts';

const handlers: Record<string, (action: Fields, path: string) => StatusCause[]> = {
  exec: (action, path) =>
    Array.isArray(action['command']) && action['command'].length > 0 ? [] : [requiredValue(`${path}.command`)],
  httpGet: httpGetErrors,
  tcpSocket: (action, path) => portErrors(action['port'], `${path}.port`),
  grpc: (action, path) => portErrors(action['port'], `${path}.port`),
};

function httpGetErrors(action: Fields, path: string): StatusCause[] {
  const errors = textAt(action, 'path') === '' ? [requiredValue(`${path}.path`)] : [];
  errors.push(...portErrors(action['port'], `${path}.port`));
  errors.push(...oneOf(action, 'scheme', path, ['HTTP', 'HTTPS']));
  for (const header of objectsAt(action, 'httpHeaders')) {
    const name = textAt(header, 'name');
    errors.push(...invalidAll(`${path}.httpHeaders`, name, headerNameErrors(name)));
  }
  return errors;
}

/** What is wrong with the one thing that a probe or hook does. */
export function handlerErrors(handler: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  let found = handler['sleep'] !== undefined;
  for (const [name, check] of Object.entries(handlers)) {
    const action = objectAt(handler, name);
    if (!action) continue;
    if (found) errors.push(forbiddenValue(`${path}.${name}`, 'may not specify more than 1 handler type'));
    else errors.push(...check(action, `${path}.${name}`));
    found = true;
  }
  return found ? errors : [requiredValue(path, 'must specify a handler type')];
}

const timings = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];

function probeErrors(probe: Fields, path: string): StatusCause[] {
  const errors = [...handlerErrors(probe, path), ...timings.flatMap((key) => nonNegative(probe, key, path))];
  const grace = numberAt(probe, 'terminationGracePeriodSeconds');
  if (grace !== undefined && grace <= 0) {
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  }
  return errors;
}

/** What is wrong with a container's probes and hooks. */
export function lifecycleErrors(container: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  for (const hook of ['postStart', 'preStop']) {
    const handler = objectAt(objectAt(container, 'lifecycle'), hook);
    if (handler) errors.push(...handlerErrors(handler, `${path}.lifecycle.${hook}`));
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectAt(container, name);
    if (!probe) continue;
    errors.push(...probeErrors(probe, `${path}.${name}`));
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
