import {
  type ApiError,
  equalJson,
  type Fields,
  forbidden,
  invalid,
  type KubeObject,
} from '../../../machinery/index.ts';
import { objectAt, objectsAt, textAt } from '../../kinds/fields.ts';
import type { Store } from '../../store/store.ts';
import type { AdmissionRequest } from '../request.ts';
import type { PodLike } from './check.ts';
import type { PodSecurityConfiguration } from './configuration.ts';
import { warningsOfPods } from './existing-pods.ts';
import {
  detailOf,
  isPrivileged,
  LABEL_PREFIX,
  type LevelVersion,
  MODES,
  type Policy,
  policyOf,
  sameLevel,
  stricter,
  textOf,
  violationsOf,
} from './policy.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };

/** Where each kind that makes pods keeps its template of them. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  '/replicationcontrollers': ['spec', 'template'],
  '/podtemplates': ['template'],
  'apps/replicasets': ['spec', 'template'],
  'apps/deployments': ['spec', 'template'],
  'apps/statefulsets': ['spec', 'template'],
  'apps/daemonsets': ['spec', 'template'],
  'batch/jobs': ['spec', 'template'],
  'batch/cronjobs': ['spec', 'jobTemplate', 'spec', 'template'],
};

/** Subresources of pods through which nothing that matters here can change. */
const IGNORED = new Set(['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status']);

/**
 * The admission plugin PodSecurity: what the labels of a namespace enforce is refused for pods, what they audit is noted,
 * what they warn of is told, for the workloads' templates too. Throws ApiError 403 for a pod, 422 for labels.
 */
export function podSecurity(
  store: Store,
  configuration: PodSecurityConfiguration,
): (request: AdmissionRequest) => void {
  return (request) => {
    const { operation, registration } = request;
    if (operation === 'DELETE') return;
    const { group, resource } = registration.served;
    if (group === '' && resource === 'namespaces') {
      if (request.subresource === undefined) checkNamespace(store, configuration, request);
    } else if (group === '' && resource === 'pods') checkPod(store, configuration, request);
    else checkTemplate(store, configuration, request, TEMPLATES[`${group}/${resource}`]);
  };
}

function checkNamespace(store: Store, configuration: PodSecurityConfiguration, request: AdmissionRequest): void {
  const { object, old, registration } = request;
  const { name } = object.metadata;
  const { policy, errors } = policyOf(object.metadata.labels ?? {}, configuration.defaults);
  const before = old && policyOf(old.metadata.labels ?? {}, configuration.defaults);
  // Labels that were wrong before must not keep the rest of a namespace from being changed.
  if (errors.length > 0 && !(before && equalJson(before.errors, errors))) {
    throw invalid(registration.served, name, errors);
  }
  const isExempt = configuration.exemptions.namespaces.includes(name);
  if (!before) {
    if (isExempt) warnOfExemption(configuration, request, policy);
    return;
  }
  const [next, last] = [policy.enforce, before.policy.enforce];
  if (sameLevel(next, last) || next.level === 'privileged') return;
  if (next.version === last.version && !stricter(next.level, last.level)) return;
  if (isExempt) warnOfExemption(configuration, request, policy);
  else warningsOfPods(store, configuration, name, next).forEach(request.warn);
}

function warnOfExemption({ defaults }: PodSecurityConfiguration, request: AdmissionRequest, policy: Policy): void {
  const { name, labels = {} } = request.object.metadata;
  const equivalent = (one: LevelVersion, other: LevelVersion) =>
    sameLevel(one, other) || (one.level === 'privileged' && other.level === 'privileged');
  if (MODES.every((mode) => equivalent(policy[mode], defaults[mode])) || isPrivileged(policy)) return;
  const asked = MODES.filter(
    (mode) =>
      policy[mode].level !== 'privileged' &&
      (`${LABEL_PREFIX}${mode}` in labels || `${LABEL_PREFIX}${mode}-version` in labels),
  );
  const text = asked.map((mode) => `${mode}=${textOf(policy[mode])}`).join(', ');
  request.warn(
    `namespace ${JSON.stringify(name)} is exempt from Pod Security, and the policy (${text}) will be ignored`,
  );
}

function checkPod(store: Store, configuration: PodSecurityConfiguration, request: AdmissionRequest): void {
  const { object, old, subresource = '' } = request;
  if (IGNORED.has(subresource) || isExempt(configuration, request)) return;
  const { policy, errors } = policyFor(store, configuration, object);
  if (errors.length === 0 && isPrivileged(policy)) {
    note(request, 'enforce-policy', 'privileged:latest');
    return;
  }
  if (old && !isSignificant(object, old)) return;
  evaluate(configuration, request, object, policy, true);
}

function checkTemplate(
  store: Store,
  configuration: PodSecurityConfiguration,
  request: AdmissionRequest,
  path: readonly string[] | undefined,
): void {
  if (path === undefined || request.subresource !== undefined || isExempt(configuration, request)) return;
  const { policy, errors } = policyFor(store, configuration, request.object);
  if (errors.length === 0 && policy.warn.level === 'privileged' && policy.audit.level === 'privileged') return;
  const template = path.reduce<Fields | undefined>(objectAt, request.object);
  if (!template) return;
  const pod: PodLike = { metadata: objectAt(template, 'metadata') ?? {}, spec: objectAt(template, 'spec') ?? {} };
  evaluate(configuration, request, pod, policy, false);
}

function policyFor(store: Store, { defaults }: PodSecurityConfiguration, { metadata }: KubeObject) {
  const namespace = store.latest(NAMESPACES, { namespace: '', name: metadata.namespace ?? '' })?.object;
  return policyOf(namespace?.metadata.labels ?? {}, defaults);
}

function isExempt({ exemptions }: PodSecurityConfiguration, request: AdmissionRequest): boolean {
  const namespace = exemptions.namespaces.includes(request.object.metadata.namespace ?? '');
  const user = exemptions.usernames.includes(request.user.username);
  if (namespace || user) note(request, 'exempt', namespace ? 'namespace' : 'user');
  return namespace || user;
}

function note(request: AdmissionRequest, key: string, value: string): void {
  request.annotate(`${LABEL_PREFIX}${key}`, value);
}

function evaluate(
  { exemptions }: PodSecurityConfiguration,
  request: AdmissionRequest,
  pod: PodLike,
  policy: Policy,
  enforce: boolean,
): void {
  if (exemptions.runtimeClasses.includes(textAt(pod.spec, 'runtimeClassName'))) {
    note(request, 'exempt', 'runtimeClass');
    return;
  }
  const complaint = (level: LevelVersion): string | undefined => {
    const violations = violationsOf(pod, level);
    return violations.length > 0 ? `PodSecurity ${JSON.stringify(textOf(level))}: ${detailOf(violations)}` : undefined;
  };
  const audited = complaint(policy.audit);
  if (audited) note(request, 'audit-violations', `would violate ${audited}`);
  if (enforce) {
    note(request, 'enforce-policy', textOf(policy.enforce));
    const refused = complaint(policy.enforce);
    if (refused) throw refusal(request, `violates ${refused}`);
  }
  const warned = complaint(policy.warn);
  if (warned) request.warn(`would violate ${warned}`);
}

function refusal({ registration, object }: AdmissionRequest, why: string): ApiError {
  return forbidden(registration.served, object.metadata.name, why);
}

/** Whether an update of a pod starts anything that its creation did not: another image, another container. */
function isSignificant(pod: KubeObject, old: KubeObject): boolean {
  const differs = (list: string): boolean => {
    const [now, before] = [objectsAt(pod.spec, list), objectsAt(old.spec, list)];
    return now.length !== before.length || now.some((each, index) => each['image'] !== before[index]?.['image']);
  };
  if (differs('containers') || differs('initContainers')) return true;
  const known = new Map(objectsAt(old.spec, 'ephemeralContainers').map((each) => [each['name'], each['image']]));
  return objectsAt(pod.spec, 'ephemeralContainers').some((each) => known.get(each['name']) !== each['image']);
}
