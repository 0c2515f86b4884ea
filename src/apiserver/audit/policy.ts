import {
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { type ConfigFormat, listOf, readConfigFile, record, refuseInvalid, text, texts } from '../config-file.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import { objectsAt, textAt, textsAt } from '../kinds/fields.ts';

const LEVELS = ['None', 'Metadata', 'Request', 'RequestResponse'] as const;
/** How much of a request is logged, in rising order. */
export type Level = (typeof LEVELS)[number];

const STAGES = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const;
/** When in a request's life an event is logged. */
export type Stage = (typeof STAGES)[number];

/** What a policy says of one request. */
export interface Verdict {
  level: Level;
  omitStages: ReadonlySet<Stage>;
  omitManagedFields: boolean;
}

/** An audit.k8s.io/v1 Policy: the first rule that matches a request decides; without one nothing is logged. */
export type AuditPolicy = (user: UserInfo, info: RequestInfo) => Verdict;

const BOOL = { type: 'boolean' } as const;

const FORMAT: ConfigFormat = {
  apiVersions: ['audit.k8s.io/v1'],
  kind: 'Policy',
  fields: {
    rules: listOf(
      record({
        level: text,
        users: texts,
        userGroups: texts,
        verbs: texts,
        resources: listOf(record({ group: text, resources: texts, resourceNames: texts })),
        namespaces: texts,
        nonResourceURLs: texts,
        omitStages: texts,
        omitManagedFields: BOOL,
      }),
    ),
    omitStages: texts,
    omitManagedFields: BOOL,
  },
};

/**
 * Reads an `--audit-policy-file`.
 * @throws Error that names the file and every field that is wrong, worded as kube-apiserver words it.
 */
export function readAuditPolicy(file: string): AuditPolicy {
  const where = `--audit-policy-file ${file}`;
  const policy = readConfigFile(file, FORMAT);
  const rules = objectsAt(policy, 'rules');
  if (rules.length === 0) throw new Error(`${where}: loaded illegal policy with 0 rules`);
  refuseInvalid(where, [
    ...stageErrors(policy, 'omitStages'),
    ...rules.flatMap((rule, index) => ruleErrors(rule, `rules[${index}]`)),
  ]);
  return compile(policy);
}

const HEALTH = ['/healthz*', '/livez*', '/readyz*', '/version', '/metrics*', '/openapi*', '/api*', '/apis*'];
const CONFIDENTIAL = [
  { group: '', resources: ['secrets', 'configmaps', 'serviceaccounts/token'] },
  { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
];

/**
 * Who does what to which object, with what they send when they change something; never the content of Secrets, ConfigMaps
 * and tokens, and nothing of what clients do to find their way.
 */
export const DEFAULT_POLICY: AuditPolicy = compile({
  omitStages: ['RequestReceived'],
  omitManagedFields: true,
  rules: [
    { level: 'None', nonResourceURLs: HEALTH },
    { level: 'Metadata', resources: CONFIDENTIAL },
    { level: 'Request', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] },
    { level: 'Metadata' },
  ],
});

const NOTHING: Verdict = { level: 'None', omitStages: new Set(), omitManagedFields: false };

function compile(policy: Fields): AuditPolicy {
  const omitted = textsAt(policy, 'omitStages') as Stage[];
  const rules = objectsAt(policy, 'rules').map((rule) => ({
    matches: matcherOf(rule),
    verdict: {
      level: textAt(rule, 'level') as Level,
      omitStages: new Set([...omitted, ...(textsAt(rule, 'omitStages') as Stage[])]),
      omitManagedFields: Boolean(rule['omitManagedFields'] ?? policy['omitManagedFields']),
    },
  }));
  return (user, info) => rules.find(({ matches }) => matches(user, info))?.verdict ?? NOTHING;
}

function matcherOf(rule: Fields): (user: UserInfo, info: RequestInfo) => boolean {
  const [users, groups, verbs] = [textsAt(rule, 'users'), textsAt(rule, 'userGroups'), textsAt(rule, 'verbs')];
  const [namespaces, urls] = [textsAt(rule, 'namespaces'), textsAt(rule, 'nonResourceURLs')];
  const resources = objectsAt(rule, 'resources');
  return (user, info) => {
    if (users.length > 0 && !users.includes(user.username)) return false;
    if (groups.length > 0 && !groups.some((group) => user.groups.includes(group))) return false;
    if (verbs.length > 0 && !verbs.includes(info.verb)) return false;
    if (namespaces.length > 0 || resources.length > 0) {
      if (!info.isResource || (namespaces.length > 0 && !namespaces.includes(info.namespace))) return false;
      return resources.length === 0 || resources.some((each) => includesResource(each, info));
    }
    if (urls.length === 0) return true;
    return !info.isResource && urls.some((url) => includesPath(url, info.path));
  };
}

function includesResource(of: Fields, { group, resource, subresource, name }: RequestInfo): boolean {
  if (textAt(of, 'group') !== group) return false;
  const [resources, names] = [textsAt(of, 'resources'), textsAt(of, 'resourceNames')];
  if (resources.length === 0) return true;
  if (names.length > 0 && !names.includes(name)) return false;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  return resources.some(
    (each) =>
      each === '*' || each === whole || (subresource !== '' && each === `*/${subresource}`) || each === `${resource}/*`,
  );
}

function includesPath(url: string, path: string): boolean {
  return url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));
}

function ruleErrors(rule: Fields, path: string): StatusCause[] {
  const level = textAt(rule, 'level');
  const errors: StatusCause[] = [];
  if (level === '') errors.push(requiredValue(`${path}.level`));
  else if (!LEVELS.some((known) => known === level)) errors.push(unsupportedValue(`${path}.level`, level, LEVELS));
  const urls = textsAt(rule, 'nonResourceURLs');
  urls.forEach((url, index) => {
    const field = `${path}.nonResourceURLs[${index}]`;
    if (url === '*') return;
    if (!url.startsWith('/')) {
      errors.push(invalidValue(field, url, "non-resource URL rules must begin with a '/' character"));
    } else if (url.slice(0, -1).includes('*')) {
      const detail = "non-resource URL wildcards '*' must be the final character of the rule";
      errors.push(invalidValue(field, url, detail));
    }
  });
  const resources = objectsAt(rule, 'resources');
  resources.forEach((each, index) => {
    errors.push(...resourceErrors(each, `${path}.resources[${index}]`));
  });
  errors.push(...stageErrors(rule, `${path}.omitStages`));
  if (urls.length > 0 && (resources.length > 0 || textsAt(rule, 'namespaces').length > 0)) {
    const detail = 'rules cannot apply to both regular resources and non-resource URLs';
    errors.push(invalidValue(`${path}.nonResourceURLs`, urls, detail));
  }
  return errors;
}

function resourceErrors(resource: Fields, path: string): StatusCause[] {
  const group = textAt(resource, 'group');
  const problems = group === '' ? [] : dnsSubdomainErrors(group);
  const errors = problems.length > 0 ? [invalidValue(`${path}.group`, group, problems.join(','))] : [];
  const names = textsAt(resource, 'resourceNames');
  if (names.length > 0 && textsAt(resource, 'resources').length === 0) {
    errors.push(invalidValue(`${path}.resourceNames`, names, 'using resourceNames requires at least one resource'));
  }
  return errors;
}

function stageErrors(of: Fields | KubeObject, path: string): StatusCause[] {
  return textsAt(of, 'omitStages').flatMap((stage, index) =>
    STAGES.some((known) => known === stage)
      ? []
      : [invalidValue(`${path}[${index}]`, stage, `allowed stages are ${STAGES.join(',')}`)],
  );
}
