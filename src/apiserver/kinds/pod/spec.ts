import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  forbiddenValue,
  invalidValue,
  qualifiedNameErrors,
  rangeMessage,
  requiredValue,
  type StatusCause,
  unsupportedValue,
  valueNotFound,
} from '../../../machinery/index.ts';
import { legacyAddressErrors } from '../addresses.ts';
import { annotationErrors, invalidAll, labelErrors, oneOf } from '../checks.ts';
import { mapAt, numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { tolerationErrors } from '../toleration-errors.ts';
import { affinityErrors, spreadErrors } from './affinity.ts';
import { podAnnotationErrors } from './annotations.ts';
import { containerErrors, type PodContext } from './container.ts';
import { dnsErrors } from './dns.ts';
import { lifecycleErrors } from './probes.ts';
import { podResourceErrors } from './resources.ts';
import { hostUsersErrors, podSecurityErrors } from './security.ts';
import { volumeErrors } from './volumes.ts';
import { foreignErrors, hostProcessErrors, type Placed } from './windows.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const preemptionPolicies = ['PreemptLowerPriority', 'Never'];
const systems = ['linux', 'windows'];
const maxInt32 = 2 ** 31 - 1;

/**
 * What is wrong with the spec of a pod or of a pod template, defaults filled in (core validation.ValidatePodSpec).
 * @param podName the name of the pod; '' for a template, whose pods have no names yet.
 */
export function podSpecErrors(spec: Fields, path: string, podName = ''): StatusCause[] {
  const { errors, volumes } = volumeErrors(objectsAt(spec, 'volumes'), `${path}.volumes`, podName);
  const claims = objectsAt(spec, 'resourceClaims');
  const context: PodContext = {
    volumes,
    claims: new Set(claims.map((claim) => textAt(claim, 'name')).filter((name) => name !== '')),
    restartPolicy: textAt(spec, 'restartPolicy'),
    hostUsers: spec['hostUsers'] !== false,
    graceSeconds: numberAt(spec, 'terminationGracePeriodSeconds') ?? 0,
  };
  const placed = placedContainers(spec, path);
  return [
    ...errors,
    ...claimErrors(claims, `${path}.resourceClaims`),
    ...regularErrors(spec, path, context),
    ...initErrors(spec, path, context),
    ...ephemeralErrors(spec, path, context),
    ...podResourceErrors(spec, path, context.claims),
    ...hostNetworkErrors(spec, path, podName !== ''),
    ...oneOf(spec, 'restartPolicy', path, restartPolicies),
    ...oneOf(spec, 'dnsPolicy', path, dnsPolicies),
    ...labelErrors(mapAt(spec, 'nodeSelector'), `${path}.nodeSelector`),
    ...podSecurityErrors(spec, path),
    ...affinityErrors(objectAt(spec, 'affinity'), `${path}.affinity`),
    ...dnsErrors(spec, `${path}.dnsConfig`),
    ...gateErrors(spec, path),
    ...spreadErrors(objectsAt(spec, 'topologySpreadConstraints'), `${path}.topologySpreadConstraints`),
    ...hostProcessErrors(spec, path, placed),
    ...hostUsersErrors(spec, path),
    ...nameErrors(spec, path, ['serviceAccountName', 'nodeName']),
    ...deadlineErrors(spec, path),
    ...nameErrors(spec, path, ['hostname', 'subdomain']),
    ...tolerationErrors(objectsAt(spec, 'tolerations'), `${path}.tolerations`),
    ...objectsAt(spec, 'hostAliases').flatMap((alias, i) => aliasErrors(alias, `${path}.hostAliases[${i}]`)),
    ...nameErrors(spec, path, ['priorityClassName', 'runtimeClassName']),
    ...(spec['preemptionPolicy'] === undefined ? [] : oneOf(spec, 'preemptionPolicy', path, preemptionPolicies)),
    ...systemErrors(spec, path, placed),
  ];
}

/** The containers of a pod, of every kind, and where they are. */
function placedContainers(spec: Fields, path: string): Placed[] {
  return ['initContainers', 'containers', 'ephemeralContainers'].flatMap((key) =>
    objectsAt(spec, key).map((container, index): Placed => [container, `${path}.${key}[${index}]`]),
  );
}

function claimErrors(claims: readonly Fields[], path: string): StatusCause[] {
  const names = new Set<string>();
  return claims.flatMap((claim, index) => {
    const at = `${path}[${index}]`;
    const name = textAt(claim, 'name');
    const { resourceClaimName: own, resourceClaimTemplateName: template } = claim;
    const errors: StatusCause[] = [];
    if (name === '') errors.push(requiredValue(`${at}.name`));
    else if (names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    else errors.push(...invalidAll(`${at}.name`, name, dnsLabelErrors(name)));
    names.add(name);
    const printed = { Name: name, ResourceClaimName: own ?? null, ResourceClaimTemplateName: template ?? null };
    if (own !== undefined && template !== undefined) {
      const detail = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
      errors.push(invalidValue(at, printed, detail));
    }
    if (own === undefined && template === undefined) {
      const detail = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
      errors.push(invalidValue(at, printed, detail));
    }
    for (const key of ['resourceClaimName', 'resourceClaimTemplateName']) {
      const value = claim[key];
      if (typeof value === 'string') errors.push(...invalidAll(`${at}.${key}`, value, dnsSubdomainErrors(value)));
    }
    return errors;
  });
}

function regularErrors(spec: Fields, path: string, context: PodContext): StatusCause[] {
  const containers = objectsAt(spec, 'containers');
  if (containers.length === 0) return [requiredValue(`${path}.containers`)];
  const names = new Set<string>();
  const errors = containers.flatMap((container, index) => {
    const at = `${path}.containers[${index}]`;
    const found = containerErrors(container, at, context);
    const name = textAt(container, 'name');
    if (names.has(name)) found.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    return [...found, ...lifecycleErrors(container, at, context.graceSeconds)];
  });
  return [...errors, ...hostPortErrors(containers, `${path}.containers`)];
}

function initErrors(spec: Fields, path: string, context: PodContext): StatusCause[] {
  const names = new Set(objectsAt(spec, 'containers').map((container) => textAt(container, 'name')));
  return objectsAt(spec, 'initContainers').flatMap((container, index) => {
    const at = `${path}.initContainers[${index}]`;
    const errors = containerErrors(container, at, context);
    const name = textAt(container, 'name');
    if (names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    if (name !== '') names.add(name);
    if (container['restartPolicy'] === 'Always') {
      return [...errors, ...lifecycleErrors(container, at, context.graceSeconds)];
    }
    for (const key of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe']) {
      if (!objectAt(container, key)) continue;
      const detail = 'may not be set for init containers without restartPolicy=Always';
      errors.push(forbiddenValue(`${at}.${key}`, detail));
    }
    return errors;
  });
}

/** What an ephemeral container cannot have: it comes and goes without the pod's other parts knowing. */
const notEphemeral = [
  ...['ports', 'resources', 'resizePolicy', 'restartPolicy', 'restartPolicyRules', 'livenessProbe', 'readinessProbe'],
  ...['startupProbe', 'lifecycle'],
];

function ephemeralErrors(spec: Fields, path: string, context: PodContext): StatusCause[] {
  const others = new Set(
    ['containers', 'initContainers'].flatMap((key) =>
      objectsAt(spec, key).map((container) => textAt(container, 'name')),
    ),
  );
  const names = new Set(others);
  return objectsAt(spec, 'ephemeralContainers').flatMap((container, index) => {
    const at = `${path}.ephemeralContainers[${index}]`;
    const errors = [...containerErrors(container, at, context), ...imageSpaceErrors(container, at)];
    const [name, target] = [textAt(container, 'name'), textAt(container, 'targetContainerName')];
    if (names.has(name)) errors.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    if (target !== '' && !others.has(target)) errors.push(valueNotFound(`${at}.targetContainerName`, target));
    const detail = 'cannot be set for an Ephemeral Container';
    const isSet = (value: unknown): boolean =>
      value !== undefined && value !== null && Object.keys(value as object).length > 0;
    for (const key of notEphemeral) {
      if (isSet(container[key])) errors.push(forbiddenValue(`${at}.${key}`, detail));
    }
    objectsAt(container, 'volumeMounts').forEach((mount, i) => {
      for (const key of ['subPath', 'subPathExpr']) {
        if (textAt(mount, key) !== '') errors.push(forbiddenValue(`${at}.volumeMounts[${i}].${key}`, detail));
      }
    });
    return errors;
  });
}

function imageSpaceErrors(container: Fields, path: string): StatusCause[] {
  const image = textAt(container, 'image');
  if (image.trim() === image) return [];
  return [invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace')];
}

/** What holds for the containers of a pod, though not of a template. */
export function podOnlyErrors(spec: Fields, path: string): StatusCause[] {
  return ['containers', 'initContainers'].flatMap((key) =>
    objectsAt(spec, key).flatMap((container, index) => imageSpaceErrors(container, `${path}.${key}[${index}]`)),
  );
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

/** On the network of the host, a container's port is the host's. */
function hostNetworkErrors(spec: Fields, path: string, isPod: boolean): StatusCause[] {
  if (spec['hostNetwork'] !== true) return [];
  return objectsAt(spec, 'containers').flatMap((container, index) =>
    objectsAt(container, 'ports').flatMap((port, i) => {
      const hostPort = numberAt(port, 'hostPort') ?? 0;
      if (hostPort === port['containerPort'] || (hostPort === 0 && !isPod)) return [];
      const detail = 'must match `containerPort` when `hostNetwork` is true';
      return [invalidValue(`${path}.containers[${index}].ports[${i}].hostPort`, hostPort, detail)];
    }),
  );
}

function gateErrors(spec: Fields, path: string): StatusCause[] {
  const errors = objectsAt(spec, 'readinessGates').flatMap((gate, i) => {
    const type = textAt(gate, 'conditionType');
    return invalidAll(`${path}.readinessGates[${i}].conditionType`, type, qualifiedNameErrors(type));
  });
  const names = new Set<string>();
  objectsAt(spec, 'schedulingGates').forEach((gate, i) => {
    const at = `${path}.schedulingGates[${i}]`;
    const name = textAt(gate, 'name');
    errors.push(...invalidAll(at, name, qualifiedNameErrors(name)));
    if (names.has(name)) errors.push(duplicateValue(at, name));
    names.add(name);
  });
  return errors;
}

const labelNames = new Set(['hostname', 'subdomain']);

function nameErrors(spec: Fields, path: string, keys: readonly string[]): StatusCause[] {
  return keys.flatMap((key) => {
    const name = textAt(spec, key);
    const check = labelNames.has(key) ? dnsLabelErrors : dnsSubdomainErrors;
    return name === '' ? [] : invalidAll(`${path}.${key}`, name, check(name));
  });
}

function deadlineErrors(spec: Fields, path: string): StatusCause[] {
  const deadline = numberAt(spec, 'activeDeadlineSeconds');
  if (deadline === undefined || (deadline >= 1 && deadline <= maxInt32)) return [];
  return [invalidValue(`${path}.activeDeadlineSeconds`, deadline, rangeMessage(1, maxInt32))];
}

function aliasErrors(alias: Fields, path: string): StatusCause[] {
  return [
    ...legacyAddressErrors(textAt(alias, 'ip'), `${path}.ip`),
    ...textsAt(alias, 'hostnames').flatMap((name, i) =>
      invalidAll(`${path}.hostnames[${i}]`, name, dnsSubdomainErrors(name)),
    ),
  ];
}

function systemErrors(spec: Fields, path: string, placed: readonly Placed[]): StatusCause[] {
  const os = objectAt(spec, 'os');
  if (!os) return [];
  const name = textAt(os, 'name');
  if (name === '') return [requiredValue(`${path}.os.name`)];
  if (!systems.includes(name)) return [unsupportedValue(`${path}.os`, name, systems)];
  return foreignErrors(spec, path, name, placed);
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
