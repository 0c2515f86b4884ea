import type { KubeObject } from '../../machinery/index.ts';
import type { RequestInfo } from '../contracts.ts';
import { fieldsOf, stringsOf } from './fields.ts';

/** rbac.authorization.k8s.io/v1 PolicyRule. */
export interface PolicyRule {
  verbs: readonly string[];
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
  nonResourceURLs?: readonly string[];
}

/** What a cluster administrator may do. */
export const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** The rules of a Role or ClusterRole. */
export function rulesOf(role: KubeObject): PolicyRule[] {
  const rules = Array.isArray(role['rules']) ? role['rules'] : [];
  return rules.map(fieldsOf).map((rule) => ({
    verbs: stringsOf(rule['verbs']),
    apiGroups: stringsOf(rule['apiGroups']),
    resources: stringsOf(rule['resources']),
    resourceNames: stringsOf(rule['resourceNames']),
    nonResourceURLs: stringsOf(rule['nonResourceURLs']),
  }));
}

/** Whether a rule allows a request. An empty list of resource names stands for every name. */
export function ruleAllows(rule: PolicyRule, request: RequestInfo): boolean {
  if (!hasOrAny(rule.verbs, request.verb)) return false;
  if (!request.isResource) return urlsInclude(rule.nonResourceURLs, request.path);
  const { resourceNames = [] } = rule;
  return (
    hasOrAny(rule.apiGroups, request.group) &&
    resourcesInclude(rule.resources, request.resource, request.subresource) &&
    (resourceNames.length === 0 || resourceNames.includes(request.name))
  );
}

function hasOrAny(list: readonly string[] = [], item: string): boolean {
  return list.includes('*') || list.includes(item);
}

/** 'pods' is not 'pods/log'; '*' is both; a star before '/log' is the log of anything. */
function resourcesInclude(list: readonly string[] = [], resource: string, subresource: string): boolean {
  if (list.includes('*')) return true;
  if (subresource === '') return list.includes(resource);
  return list.includes(`${resource}/${subresource}`) || list.includes(`*/${subresource}`);
}

/** A star stands for the rest of the path, and only at the end. */
function urlsInclude(list: readonly string[] = [], path: string): boolean {
  return list.some((url) => url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, ''))));
}

/** The most single permissions that one role is taken apart into: a role can hold more than is worth the time. */
const MAX_PERMISSIONS = 10_000;

/**
 * The permissions among `wanted` that nobody who has `held` has, each a rule with one verb and one resource or path.
 * undefined if there are too many to tell.
 */
export function missingPermissions(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule[] | undefined {
  const missing: PolicyRule[] = [];
  let looked = 0;
  for (const rule of wanted) {
    if (held.some((own) => covers(own, rule))) continue;
    for (const permission of permissionsOf(rule)) {
      if (++looked > MAX_PERMISSIONS) return undefined;
      if (!held.some((own) => covers(own, permission))) missing.push(permission);
    }
  }
  return missing;
}

/** Whether everything that `rule` allows is allowed by `own` alone. */
function covers(own: PolicyRule, rule: PolicyRule): boolean {
  const all = (have: readonly string[] = [], want: readonly string[] = []) =>
    have.includes('*') || want.every((item) => have.includes(item));
  const { resourceNames = [] } = own;
  const wantedNames = rule.resourceNames ?? [];
  return (
    all(own.verbs, rule.verbs) &&
    all(own.apiGroups, rule.apiGroups) &&
    (rule.resources ?? []).every((resource) => coversResource(own.resources, resource)) &&
    (rule.nonResourceURLs ?? []).every((url) => urlsInclude(own.nonResourceURLs, url)) &&
    (resourceNames.length === 0 ||
      (wantedNames.length > 0 && wantedNames.every((name) => resourceNames.includes(name))))
  );
}

function coversResource(list: readonly string[] = [], wanted: string): boolean {
  const slash = wanted.indexOf('/');
  if (slash < 0) return list.includes('*') || list.includes(wanted);
  return resourcesInclude(list, wanted.slice(0, slash), wanted.slice(slash + 1));
}

function* permissionsOf(rule: PolicyRule): Generator<PolicyRule> {
  const names = rule.resourceNames?.length ? rule.resourceNames : [undefined];
  for (const verb of rule.verbs) {
    for (const apiGroup of rule.apiGroups ?? []) {
      for (const resource of rule.resources ?? []) {
        for (const name of names) {
          yield {
            verbs: [verb],
            apiGroups: [apiGroup],
            resources: [resource],
            ...(name === undefined ? {} : { resourceNames: [name] }),
          };
        }
      }
    }
    for (const url of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [url] };
  }
}

/** Permissions as kube-apiserver lists them in errors: one line each, the verbs of the same thing together, sorted. */
export function describePermissions(permissions: readonly PolicyRule[]): string {
  const verbs = new Map<string, string[]>();
  for (const { verbs: own, ...what } of permissions) {
    const key = JSON.stringify(what);
    const known = verbs.get(key);
    if (known) known.push(...own);
    else verbs.set(key, [...own]);
  }
  const lines = [...verbs].map(([key, own]) => describe({ ...JSON.parse(key), verbs: own }));
  return lines.sort().join('\n');
}

function describe(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const given = parts.flatMap(([label, values]) => (values?.length ? [`${label}:${quoted(values)}`] : []));
  return `{${given.join(', ')}}`;
}

/** ["a" "b"], as Go prints a list of strings. */
export function quoted(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`;
}
