import type { KubeObject } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';

/** Who and what a FlowSchema's rule is about (flowcontrol.apiserver.k8s.io/v1 PolicyRulesWithSubjects). */
interface Rule {
  subjects?: {
    kind: string;
    user?: { name: string };
    group?: { name: string };
    serviceAccount?: { namespace: string; name: string };
  }[];
  resourceRules?: {
    verbs: string[];
    apiGroups: string[];
    resources: string[];
    clusterScope?: boolean;
    namespaces?: string[];
  }[];
  nonResourceRules?: { verbs: string[]; nonResourceURLs: string[] }[];
}

/** A FlowSchema, as far as sorting requests needs it. */
export interface FlowSchema {
  name: string;
  uid: string;
  precedence: number;
  /** The name of the priority level. */
  level: string;
  distinguisher: 'ByUser' | 'ByNamespace' | '';
  rules: readonly Rule[];
}

/** The schema that an object describes. */
export function schemaOf({ metadata, spec = {} }: KubeObject): FlowSchema {
  const { priorityLevelConfiguration, matchingPrecedence, distinguisherMethod, rules } = spec as {
    priorityLevelConfiguration?: { name?: string };
    matchingPrecedence?: number;
    distinguisherMethod?: { type?: FlowSchema['distinguisher'] };
    rules?: Rule[];
  };
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    precedence: matchingPrecedence ?? 1_000,
    level: priorityLevelConfiguration?.name ?? '',
    distinguisher: distinguisherMethod?.type ?? '',
    rules: rules ?? [],
  };
}

const EVERYTHING: Omit<Rule, 'subjects'> = {
  resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};
const groups = (...names: string[]): Rule[] => [
  { subjects: names.map((name) => ({ kind: 'Group', group: { name } })), ...EVERYTHING },
];

/** The two schemas that always hold, whatever objects there are (upstream's mandatory ones). */
export const MANDATORY_SCHEMAS: readonly FlowSchema[] = [
  { name: 'exempt', uid: '', precedence: 1, level: 'exempt', distinguisher: '', rules: groups('system:masters') },
  {
    name: 'catch-all',
    uid: '',
    precedence: 10_000,
    level: 'catch-all',
    distinguisher: 'ByUser',
    rules: groups('system:unauthenticated', 'system:authenticated'),
  },
];

/** True when a schema's rules cover a request of a user. */
export function matches(schema: FlowSchema, user: UserInfo, info: RequestInfo): boolean {
  return schema.rules.some(
    (rule) => isSubject(rule, user) && (info.isResource ? onResource(rule, info) : onPath(rule, info)),
  );
}

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

function isSubject({ subjects = [] }: Rule, { username, groups }: UserInfo): boolean {
  return subjects.some(({ kind, user, group, serviceAccount }) => {
    if (kind === 'User') return user?.name === '*' || user?.name === username;
    if (kind === 'Group') return group?.name === '*' || groups.includes(group?.name ?? '');
    const [, namespace, name] = ACCOUNT.exec(username) ?? [];
    return serviceAccount?.namespace === namespace && ['*', name].includes(serviceAccount?.name);
  });
}

const includes = (list: readonly string[] = [], value: string): boolean => list.includes('*') || list.includes(value);

function onResource({ resourceRules = [] }: Rule, info: RequestInfo): boolean {
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  return resourceRules.some(
    ({ verbs, apiGroups, resources, clusterScope, namespaces }) =>
      includes(verbs, info.verb) &&
      includes(apiGroups, info.group) &&
      includes(resources, resource) &&
      (info.namespace === '' ? clusterScope === true : includes(namespaces, info.namespace)),
  );
}

function onPath({ nonResourceRules = [] }: Rule, { verb, path }: RequestInfo): boolean {
  return nonResourceRules.some(
    ({ verbs, nonResourceURLs }) => includes(verbs, verb) && nonResourceURLs.some((url) => isUnder(url, path)),
  );
}

const isUnder = (url: string, path: string): boolean =>
  url === '*' || url === path || (url.endsWith('/*') && path.startsWith(url.slice(0, -1)));
