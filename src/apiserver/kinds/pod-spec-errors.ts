import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { annotationErrors, invalidAll, labelErrors, oneOf } from './checks.ts';
import { containerErrors } from './container-errors.ts';
import { mapAt, numberAt, objectAt, objectsAt, textAt } from './fields.ts';
import { podAnnotationErrors } from './pod-annotations.ts';
import { lifecycleErrors } from './probe-errors.ts';
import { volumeErrors } from './volume-errors.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const maxInt32 = 2 ** 31 - 1;

/** What is wrong with the spec of a pod or of a pod template, defaults filled in (core validation.ValidatePodSpec). */
export function podSpecErrors(spec: Fields, path: string): StatusCause[] {
  const volumes = volumeErrors(objectsAt(spec, 'volumes'), `${path}.volumes`);
  return [
    ...volumes.errors,
    ...regularErrors(spec, path, volumes.names),
    ...initErrors(spec, path, volumes.names),
    ...oneOf(spec, 'restartPolicy', path, restartPolicies),
    ...oneOf(spec, 'dnsPolicy', path, dnsPolicies),
    ...labelErrors(mapAt(spec, 'nodeSelector'), `${path}.nodeSelector`),
    ...nameErrors(spec, path),
    ...deadlineErrors(spec, path),
    ...objectsAt(spec, 'tolerations').flatMap((item, i) => tolerationErrors(item, `${path}.tolerations[${i}]`)),
  ];
}

function regularErrors(spec: Fields, path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) return [requiredValue(`${path}.containers`)];
  const names = new Set<string>();
  const errors = containers.flatMap((container, index) => {
    const at = `${path}.containers[${index}]`;
    const found = containerErrors(container, at, volumes);
    const name = textAt(container, 'name');
    if (names.has(name)) found.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    return [...found, ...lifecycleErrors(container, at)];
  });
  return [...errors, ...hostPortErrors(containers, `${path}.containers`)];
}

function initErrors(spec: Fields, path: string, volumes: ReadonlySet<string>): StatusCause[] {
  const names = new Set(objectsAt(spec, 'containers').map((container) => textAt(container, 'name')));
  return objectsAt(spec, 'initContainers').flatMap((container, index) => {
    const at = `${path}.initContainers[${index}]`;
    const errors = containerErrors(container, at, volumes);
    const policy = textAt(container, 'restartPolicy');
    if (policy !== '' && policy !== 'Always') {
      errors.push(unsupportedValue(`${at}.restartPolicy`, policy, ['Always']));
    }
    const name = textAt(container, 'name');
    if (names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    if (policy === 'Always') return [...errors, ...lifecycleErrors(container, at)];
    for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) {
      if (!objectAt(container, key)) continue;
      const detail = 'may not be set for init containers without restartPolicy=Always';
      errors.push(forbiddenValue(`${at}.${key}`, detail));
    }
    return errors;
  });
}

/** Two containers of a pod cannot have one port of the host. */
function hostPortErrors(containers: readonly Fields[], path: string): StatusCause[] {
  const taken = new Set<string>();
  return containers.flatMap((container, index) =>
    objectsAt(container, 'ports').flatMap((port, portIndex) => {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      if (hostPort === 0) return [];
      const claim = `${textAt(port, 'protocol')}/${textAt(port, 'hostIP')}/${hostPort}`;
      const field = `${path}[${index}].ports[${portIndex}].hostPort`;
      if (taken.has(claim)) return [duplicateValue(field, claim)];
      taken.add(claim);
      return [];
    }),
  );
}

const nameFields: Record<string, (name: string) => string[]> = {
  serviceAccountName: dnsSubdomainErrors,
  nodeName: dnsSubdomainErrors,
  priorityClassName: dnsSubdomainErrors,
  runtimeClassName: dnsSubdomainErrors,
  hostname: dnsLabelErrors,
  subdomain: dnsLabelErrors,
};

function nameErrors(spec: Fields, path: string): StatusCause[] {
  return Object.entries(nameFields).flatMap(([key, check]) => {
    const name = textAt(spec, key);
    return name === '' ? [] : invalidAll(`${path}.${key}`, name, check(name));
  });
}

function deadlineErrors(spec: Fields, path: string): StatusCause[] {
  const deadline = numberAt(spec, 'activeDeadlineSeconds');
  if (deadline === undefined || (deadline >= 1 && deadline <= maxInt32)) return [];
  return [invalidValue(`${path}.activeDeadlineSeconds`, deadline, rangeMessage(1, maxInt32))];
}

const tolerationOperators = ['Equal', 'Exists'];
const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function tolerationErrors(toleration: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const [operator, effect] = [textAt(toleration, 'operator'), textAt(toleration, 'effect')];
  if (operator !== '' && !tolerationOperators.includes(operator)) {
    errors.push(unsupportedValue(`${path}.operator`, operator, tolerationOperators));
  }
  if (operator === 'Exists' && textAt(toleration, 'value') !== '') {
    const detail = "value must be empty when `operator` is 'Exists'";
    errors.push(invalidValue(`${path}.operator`, toleration, detail));
  }
  if (effect !== '' && !taintEffects.includes(effect)) {
    errors.push(unsupportedValue(`${path}.effect`, effect, taintEffects));
  }
  return errors;
}

/** What is wrong with the labels and annotations of a pod template. */
export function podMetadataErrors(template: Fields, path: string): StatusCause[] {
  const metadata = objectAt(template, 'metadata');
  const annotations = mapAt(metadata, 'annotations');
  return [
    ...labelErrors(mapAt(metadata, 'labels'), `${path}.labels`),
    ...annotationErrors(annotations, `${path}.annotations`),
    ...podAnnotationErrors(annotations, objectAt(template, 'spec') ?? {}, `${path}.annotations`),
  ];
}

/** What is wrong with a pod template. */
export function podTemplateErrors(template: Fields, path: string): StatusCause[] {
  const spec = objectAt(template, 'spec') ?? {};
  const errors = [...podMetadataErrors(template, path), ...podSpecErrors(spec, `${path}.spec`)];
  if (objectsAt(spec, 'ephemeralContainers').length > 0) {
    const detail = 'ephemeral containers not allowed in pod template';
    errors.push(forbiddenValue(`${path}.spec.ephemeralContainers`, detail));
  }
  return errors;
}
