import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll } from '../checks.ts';
import { ensureObject, numberAt, objectAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { internalForm, type Shape } from '../internal-form.ts';
import { mandatoryFlowControl } from './bootstrap.ts';

const defaultPrecedence = 1000;
const maxPrecedence = 10_000;
const distinguishers = ['ByNamespace', 'ByUser'];
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];
const subjectKinds = ['Group', 'ServiceAccount', 'User'];

export const flowSchemaStrategy: KindStrategy = {
  keepsMetadataOnStatus: true,
  applyDefaults(schema) {
    const spec = ensureObject(schema, 'spec');
    if (!spec['matchingPrecedence']) spec['matchingPrecedence'] = defaultPrecedence;
  },
  prepareForCreate(schema) {
    schema.status = {};
  },
  validate(schema) {
    const spec = schema.spec ?? {};
    const { name } = schema.metadata;
    const errors = specErrors(spec, name);
    const fixed = mandatoryFlowControl.find((other) => other.kind === 'FlowSchema' && other.metadata.name === name);
    if (fixed && !equalJson(withoutEmpty(spec), withoutEmpty(fixed.spec))) {
      errors.push(invalidValue('spec', internalForm(spec, specShape), `spec of '${name}' must equal the fixed value`));
    }
    return errors;
  },
  subresources: { status: { validate: ({ status }) => conditionErrors(status) } },
};

/** The conditions of a flow schema or priority level: each of a type, once. */
export function conditionErrors(status: Fields | undefined): StatusCause[] {
  const types = new Set<string>();
  return objectsAt(status, 'conditions').flatMap((condition, index) => {
    const path = `status.conditions[${index}].type`;
    const type = textAt(condition, 'type');
    const errors = types.has(type) ? [duplicateValue(path, type)] : [];
    types.add(type);
    return type === '' ? [...errors, requiredValue(path)] : errors;
  });
}

function withoutEmpty(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part: unknown) => (part === false ? undefined : part)));
}

function specErrors(spec: Fields, name: string): StatusCause[] {
  const errors = precedenceErrors(numberAt(spec, 'matchingPrecedence') ?? 0, name);
  const method = objectAt(spec, 'distinguisherMethod');
  const type = textAt(method, 'type');
  if (method && !distinguishers.includes(type)) {
    const cause = unsupportedValue('spec.distinguisherMethod.type', '', distinguishers);
    // Upstream shows the whole of its own type here.
    errors.push({ ...cause, message: cause.message?.replace('""', JSON.stringify({ Type: type })) ?? '' });
  }
  const level = textAt(objectAt(spec, 'priorityLevelConfiguration'), 'name');
  const levelPath = 'spec.priorityLevelConfiguration.name';
  if (level === '') errors.push(requiredValue(levelPath, 'must reference a priority level'));
  else errors.push(...invalidAll(levelPath, level, dnsSubdomainErrors(level)));
  return [...errors, ...objectsAt(spec, 'rules').flatMap((rule, index) => ruleErrors(rule, `spec.rules[${index}]`))];
}

function precedenceErrors(precedence: number, name: string): StatusCause[] {
  const wrong = (detail: string): StatusCause[] => [invalidValue('spec.matchingPrecedence', precedence, detail)];
  if (precedence <= 0) return wrong('must be a positive value');
  if (precedence > maxPrecedence) return wrong(`must not be greater than ${maxPrecedence}`);
  if (precedence > 1 || name === 'exempt') return [];
  return wrong("only the schema named 'exempt' may have matchingPrecedence 1");
}

function ruleErrors(rule: Fields, path: string): StatusCause[] {
  const [subjects, resourceRules] = [objectsAt(rule, 'subjects'), objectsAt(rule, 'resourceRules')];
  const pathRules = objectsAt(rule, 'nonResourceRules');
  const errors = subjects.flatMap((subject, index) => subjectErrors(subject, `${path}.subjects[${index}]`));
  if (subjects.length === 0) {
    errors.push(requiredValue(`${path}.subjects`, 'subjects must contain at least one value'));
  }
  if (resourceRules.length === 0 && pathRules.length === 0) {
    const detail = 'at least one of resourceRules and nonResourceRules has to be non-empty';
    errors.push(requiredValue(path, detail));
  }
  return [
    ...errors,
    ...resourceRules.flatMap((item, index) => resourceRuleErrors(item, `${path}.resourceRules[${index}]`)),
    ...pathRules.flatMap((item, index) => pathRuleErrors(item, `${path}.nonResourceRules[${index}]`)),
  ];
}

const subjectFields = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function subjectErrors(subject: Fields, path: string): StatusCause[] {
  const kind = textAt(subject, 'kind');
  if (!subjectKinds.includes(kind)) return [unsupportedValue(`${path}.kind`, kind, subjectKinds)];
  const own = subjectFields[kind as keyof typeof subjectFields];
  const named = objectAt(subject, own);
  const errors = named
    ? namedErrors(named, kind, `${path}.${own}`)
    : [requiredValue(`${path}.${own}`, `${own} is required when subject kind is '${kind}'`)];
  for (const [other, key] of [
    ['ServiceAccount', 'serviceAccount'],
    ['User', 'user'],
    ['Group', 'group'],
  ] as const) {
    if (key === own || !objectAt(subject, key)) continue;
    errors.push(forbiddenValue(`${path}.${key}`, `${key} is forbidden when subject kind is not '${other}'`));
  }
  return errors;
}

function namedErrors(subject: Fields, kind: string, path: string): StatusCause[] {
  const name = textAt(subject, 'name');
  const errors = name === '' ? [requiredValue(`${path}.name`)] : [];
  if (kind !== 'ServiceAccount') return errors;
  if (name !== '' && name !== '*') errors.push(...invalidAll(`${path}.name`, name, dnsSubdomainErrors(name)));
  const namespace = textAt(subject, 'namespace');
  if (namespace !== '') return [...errors, ...invalidAll(`${path}.namespace`, namespace, dnsLabelErrors(namespace))];
  return [...errors, requiredValue(`${path}.namespace`, 'must specify namespace for service account')];
}

function verbErrors(rule: Fields, path: string): StatusCause[] {
  const own = textsAt(rule, 'verbs');
  if (own.length === 0) return [requiredValue(`${path}.verbs`, 'verbs must contain at least one value')];
  if (own.includes('*')) return aloneErrors(own, `${path}.verbs`, 'verbs');
  if (own.every((verb) => verbs.includes(verb))) return [];
  const cause = unsupportedValue(`${path}.verbs`, '', verbs);
  return [{ ...cause, message: cause.message?.replace('""', JSON.stringify(own)) ?? '' }];
}

/** A wildcard says everything, and nothing can be said beside it. */
function aloneErrors(values: readonly string[], path: string, what: string): StatusCause[] {
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalidValue(path, values, `if '*' is present, must not specify other ${what}`)];
}

function resourceRuleErrors(rule: Fields, path: string): StatusCause[] {
  const errors = verbErrors(rule, path);
  for (const [key, what] of [
    ['apiGroups', 'api group'],
    ['resources', 'resource'],
  ] as const) {
    const values = textsAt(rule, key);
    if (values.length === 0) {
      errors.push(requiredValue(`${path}.${key}`, `resource rules must supply at least one ${what}`));
    } else errors.push(...aloneErrors(values, `${path}.${key}`, `${what}s`));
  }
  const namespaces = textsAt(rule, 'namespaces');
  const at = `${path}.namespaces`;
  if (namespaces.length === 0 && rule['clusterScope'] !== true) {
    const detail = 'resource rules that are not cluster scoped must supply at least one namespace';
    return [...errors, requiredValue(at, detail)];
  }
  if (namespaces.includes('*')) return [...errors, ...aloneErrors(namespaces, at, 'namespaces')];
  const intro = "each member of this list must be '*' or a DNS-1123 label; ";
  return [
    ...errors,
    ...namespaces.flatMap((namespace, index) =>
      dnsLabelErrors(namespace).map((error) => invalidValue(`${at}[${index}]`, namespace, intro + error)),
    ),
  ];
}

function pathRuleErrors(rule: Fields, path: string): StatusCause[] {
  const errors = verbErrors(rule, path);
  const urls = textsAt(rule, 'nonResourceURLs');
  const at = `${path}.nonResourceURLs`;
  if (urls.length === 0) {
    return [...errors, requiredValue(at, 'nonResourceURLs must contain at least one value')];
  }
  if (urls.includes('*')) return [...errors, ...aloneErrors(urls, at, 'non-resource URLs')];
  return [
    ...errors,
    ...urls.flatMap((url, index) => {
      const wrong = urlError(url);
      return wrong === undefined ? [] : [invalidValue(`${at}[${index}]`, url, wrong)];
    }),
  ];
}

function urlError(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const wildcards = url.split('*').length - 1;
  const fits = wildcards === 0 || (wildcards === 1 && url.endsWith('/*'));
  return fits ? undefined : 'wildcard can only do suffix matching';
}

const named: Shape = { Name: 'name=""' };

/** The spec as upstream's internal type prints it. */
const specShape: Shape = {
  PriorityLevelConfiguration: ['priorityLevelConfiguration', named],
  MatchingPrecedence: 'matchingPrecedence=0',
  DistinguisherMethod: ['distinguisherMethod', { Type: 'type=""' }],
  Rules: [
    'rules',
    {
      Subjects: [
        'subjects',
        {
          Kind: 'kind=""',
          User: ['user', named],
          Group: ['group', named],
          ServiceAccount: ['serviceAccount', { Namespace: 'namespace=""', ...named }],
        },
      ],
      ResourceRules: [
        'resourceRules',
        {
          Verbs: 'verbs',
          APIGroups: 'apiGroups',
          Resources: 'resources',
          ClusterScope: 'clusterScope=false',
          Namespaces: 'namespaces',
        },
      ],
      NonResourceRules: ['nonResourceRules', { Verbs: 'verbs', NonResourceURLs: 'nonResourceURLs' }],
    },
  ],
};
