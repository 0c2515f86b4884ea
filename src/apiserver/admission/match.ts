import { type Fields, type LabelSelector, labelSelectorOf, notFound } from '../../machinery/index.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../kinds/fields.ts';
import type { Registration } from '../registry/registration.ts';
import type { Registry } from '../registry/registry.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionRequest } from './request.ts';

const NAMESPACES = { group: '', resource: 'namespaces' };

/** A rule of a webhook or policy (RuleWithOperations, or NamedRuleWithOperations). */
interface Rule {
  operations: readonly string[];
  apiGroups: readonly string[];
  apiVersions: readonly string[];
  /** [resource, subresource] */
  resources: readonly (readonly [string, string])[];
  scope: string;
  /** Empty: any. */
  names: readonly string[];
}

/** Which requests a webhook or policy is for, read once. */
export interface Match {
  rules: readonly Rule[];
  excluded: readonly Rule[];
  /** True if a rule also holds for the other versions and names under which its resource is served. */
  equivalent: boolean;
  namespaces: LabelSelector | undefined;
  objects: LabelSelector | undefined;
}

/** Reads what selects requests. @param rules the field with the rules: 'rules' of a webhook, 'resourceRules' of a policy. */
export function matchOf(fields: Fields, rules: 'rules' | 'resourceRules'): Match {
  return {
    rules: objectsAt(fields, rules).map(ruleOf),
    excluded: objectsAt(fields, 'excludeResourceRules').map(ruleOf),
    equivalent: fields['matchPolicy'] !== 'Exact',
    namespaces: selectorOf(fields, 'namespaceSelector'),
    objects: selectorOf(fields, 'objectSelector'),
  };
}

/** undefined for a selector that selects everything. */
function selectorOf(fields: Fields, key: string): LabelSelector | undefined {
  const selector = labelSelectorOf(objectAt(fields, key) ?? {});
  return selector.empty ? undefined : selector;
}

function ruleOf(rule: Fields): Rule {
  return {
    operations: textsAt(rule, 'operations'),
    apiGroups: textsAt(rule, 'apiGroups'),
    apiVersions: textsAt(rule, 'apiVersions'),
    resources: textsAt(rule, 'resources').map((text) => {
      const slash = text.indexOf('/');
      return slash < 0 ? [text, ''] : [text.slice(0, slash), text.slice(slash + 1)];
    }),
    scope: textAt(rule, 'scope') || '*',
    names: textsAt(rule, 'resourceNames'),
  };
}

const includes = (items: readonly string[], wanted: string): boolean => items.includes('*') || items.includes(wanted);

/** Whether a rule is for a resource, served as `registration`, in an operation on it. */
function covers(rule: Rule, registration: Registration, request: AdmissionRequest): boolean {
  const { group, version, resource } = registration.served;
  return (
    inScope(rule.scope, request) &&
    includes(rule.operations, request.operation) &&
    includes(rule.apiGroups, group) &&
    includes(rule.apiVersions, version) &&
    rule.resources.some(
      ([name, subresource]) =>
        (name === '*' || name === resource) && (subresource === '*' || subresource === (request.subresource ?? '')),
    ) &&
    (rule.names.length === 0 || rule.names.includes(request.name))
  );
}

function inScope(scope: string, { registration, namespace }: AdmissionRequest): boolean {
  if (scope === '*') return true;
  return (registration.served.namespaced && namespace !== '') === (scope === 'Namespaced');
}

/** The version of a request's resource that the rules name: its own if they do, or else an equivalent one. */
export function matchedResource(match: Match, request: AdmissionRequest, registry: Registry): Registration | undefined {
  const { registration } = request;
  const under = (rules: readonly Rule[]): Registration | undefined => {
    if (rules.some((rule) => covers(rule, registration, request))) return registration;
    if (!match.equivalent || rules.length === 0) return undefined;
    return equivalents(request, registry).find((other) => rules.some((rule) => covers(rule, other, request)));
  };
  if (match.excluded.length > 0 && under(match.excluded)) return undefined;
  return under(match.rules);
}

/** The other versions and names under which the objects of a request's resource are served. */
function equivalents({ registration, subresource }: AdmissionRequest, registry: Registry): Registration[] {
  const { storage } = registration;
  return registry
    .all()
    .filter(
      (other) =>
        other !== registration &&
        other.storage.resource === storage.resource &&
        other.storage.group === storage.group &&
        (subresource === undefined || other.served.subresources.some(({ name }) => name === subresource)),
    )
    .toArray();
}

/** Whether the selectors of a webhook or policy let a request through. Throws ApiError 404 for a namespace that is not. */
export function selectsRequest({ namespaces, objects }: Match, request: AdmissionRequest, store: Store): boolean {
  if (namespaces && !selectsNamespace(namespaces, request, store)) return false;
  if (!objects) return true;
  const labelled = request.operation === 'DELETE' ? [request.old] : [request.object, request.old];
  return labelled.some((object) => object && objects.matches(object.metadata?.labels ?? {}));
}

function selectsNamespace(selector: LabelSelector, request: AdmissionRequest, store: Store): boolean {
  const { served } = request.registration;
  const isNamespace = served.group === '' && served.resource === 'namespaces';
  if (isNamespace && request.operation !== 'DELETE' && request.subresource === undefined) {
    return selector.matches(request.object.metadata.labels ?? {});
  }
  const name = isNamespace ? request.name : request.namespace;
  // What is in no namespace is never exempted by one.
  if (name === '') return true;
  const namespace = store.latest(NAMESPACES, { namespace: '', name });
  if (!namespace) throw notFound(NAMESPACES, name);
  return selector.matches(namespace.object.metadata.labels ?? {});
}

const CONFIGURATION = new Set([
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'validatingwebhookconfigurations',
]);

/** True for the objects that configure admission: no webhook or policy may lock its own door. */
export function isExempt({ registration }: AdmissionRequest): boolean {
  const { group, resource } = registration.served;
  return group === 'admissionregistration.k8s.io' && CONFIGURATION.has(resource);
}

/** What is configured and matches by rules, found fast: requests for the same thing share what was found for the first. */
export interface MatchIndex<T> {
  /** Those whose rules may name the request; names and exclusions are still to be looked at. */
  candidates(request: AdmissionRequest): readonly T[];
}

/** @param all what is configured, the same list as long as nothing changes. */
export function createMatchIndex<T extends { match: Match }>(
  registry: Registry,
  all: () => readonly T[],
): MatchIndex<T> {
  let indexed: readonly T[] = [];
  let generation = -1;
  const found = new Map<string, readonly T[]>();
  return {
    candidates(request) {
      const items = all();
      if (items.length === 0) return items;
      if (items !== indexed || generation !== registry.generation) {
        found.clear();
        indexed = items;
        generation = registry.generation;
      }
      const { served } = request.registration;
      const key = `${request.operation} ${served.group}/${served.version}/${served.resource}/${request.subresource ?? ''}`;
      let known = found.get(key);
      if (!known) {
        known = items.filter(({ match }) => matchedResource(anyName(match), request, registry) !== undefined);
        found.set(key, known);
      }
      return known;
    },
  };
}

const anyName = (match: Match): Match => ({
  ...match,
  rules: match.rules.map((rule) => ({ ...rule, names: [] })),
  excluded: [],
});
