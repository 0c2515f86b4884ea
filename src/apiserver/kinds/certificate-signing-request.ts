import {
  dnsLabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  timestamp,
  tooLong,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy, UserInfo } from '../contracts.ts';
import { certificateError, csrError } from './certificate-pem.ts';
import { ensureObject, numberAt, objectsAt, textAt, textsAt } from './fields.ts';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const legacySigner = 'kubernetes.io/legacy-unknown';
const minSeconds = 600;
const decisions = ['Approved', 'Denied'];
const onlyTrue = [...decisions, 'Failed'];
const statuses = ['False', 'True', 'Unknown'];

export const certificateSigningRequestStrategy: KindStrategy = {
  nameErrors: () => [],
  prepareForCreate(request, user) {
    Object.assign(ensureObject(request, 'spec'), requester(user));
    request.status = {};
  },
  prepareForUpdate(request, old) {
    if (old.spec) request.spec = structuredClone(old.spec);
  },
  validate(request, old) {
    return [...requestErrors(request, old), ...statusChangeErrors(request, old, '')];
  },
  subresources: {
    status: {
      prepareForUpdate(request, old) {
        const status = ensureObject(request, 'status');
        keepDecisions(status, old);
        stampConditions(status, old);
      },
      validate: (request, old) => [...requestErrors(request, old), ...statusChangeErrors(request, old, 'status')],
    },
    approval: {
      prepareForUpdate(request, old) {
        // An approval decides, and leaves the certificate to the signer.
        const { conditions } = ensureObject(request, 'status');
        request.status = { ...old.status };
        if (conditions === undefined) delete request.status['conditions'];
        else request.status['conditions'] = conditions;
        stampConditions(request.status, old);
      },
      validate: (request, old) => [...requestErrors(request, old), ...statusChangeErrors(request, old, 'approval')],
    },
  },
};

/** Who asks is what the server knows, not what the request says. */
function requester({ username, uid, groups, extra }: UserInfo): Fields {
  return {
    username,
    uid: uid || undefined,
    groups: groups.length > 0 ? [...groups] : undefined,
    extra: extra && Object.keys(extra).length > 0 ? structuredClone(extra) : undefined,
  };
}

const conditionsOf = ({ status }: { status?: Fields }, type?: string): Fields[] =>
  objectsAt(status, 'conditions').filter((condition) => type === undefined || condition['type'] === type);

/** Only approvals decide: conditions that are there stay as they were. */
function keepDecisions(status: Fields, old: KubeObject): void {
  const conditions = [...objectsAt(status, 'conditions')];
  for (const type of decisions) {
    const before = conditionsOf(old, type);
    if (conditions.filter((condition) => condition['type'] === type).length !== before.length) continue;
    const places = conditions.flatMap((condition, index) => (condition['type'] === type ? [index] : []));
    places.forEach((place, index) => {
      const kept = before[index];
      if (kept) conditions[place] = structuredClone(kept);
    });
  }
  if (conditions.length > 0) status['conditions'] = conditions;
}

function stampConditions(status: Fields, old: KubeObject): void {
  const now = timestamp();
  for (const condition of objectsAt(status, 'conditions')) {
    condition['lastUpdateTime'] ??= now;
    const same = conditionsOf(old).find(
      (before) => before['type'] === condition['type'] && before['status'] === condition['status'],
    );
    condition['lastTransitionTime'] ??= same?.['lastTransitionTime'] ?? now;
  }
}

function requestErrors(request: KubeObject, old: KubeObject | undefined): StatusCause[] {
  const spec = request.spec ?? {};
  const errors: StatusCause[] = [];
  const wrong = csrError(textAt(spec, 'request'));
  if (wrong !== undefined) errors.push(invalidValue('spec.request', textAt(spec, 'request'), wrong));
  errors.push(...usageErrors(textsAt(spec, 'usages'), 'spec.usages'));
  const signer = textAt(spec, 'signerName');
  if (signer === legacySigner && old?.spec?.['signerName'] !== legacySigner) {
    const detail = 'the legacy signerName is not allowed via this API version';
    errors.push(invalidValue('spec.signerName', signer, detail));
  } else errors.push(...signerNameErrors(signer, 'spec.signerName'));
  const seconds = numberAt(spec, 'expirationSeconds');
  if (seconds !== undefined && seconds < minSeconds) {
    const detail = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalidValue('spec.expirationSeconds', seconds, detail));
  }
  errors.push(...conditionErrors(conditionsOf(request), 'status.conditions'));
  const certificate = textAt(request.status, 'certificate');
  const bad = certificate === textAt(old?.status, 'certificate') ? undefined : certificateError(certificate);
  if (bad !== undefined) errors.push(invalidValue('status.certificate', '<certificate data>', bad));
  return errors;
}

function usageErrors(own: readonly string[], path: string): StatusCause[] {
  if (own.length === 0) return [requiredValue(path)];
  return [
    ...own.flatMap((usage, index) =>
      usages.includes(usage) ? [] : [unsupportedValue(`${path}[${index}]`, usage, usages)],
    ),
    ...own.flatMap((usage, index) => (own.indexOf(usage) < index ? [duplicateValue(`${path}[${index}]`, usage)] : [])),
  ];
}

/** The name of a signer, 'example.com/signer-name'. */
export function signerNameErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [requiredValue(path)];
  const [domain = '', rest = '', ...more] = name.split('/');
  if (more.length > 0 || !name.includes('/')) {
    const detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    return [invalidValue(path, name, detail)];
  }
  const labels = domain.split('.');
  const errors = domain.length > 253 ? [tooLong(path, 253)] : [];
  errors.push(...firstLabelErrors(domain, dnsLabelErrors, path));
  if (labels.length < 2) {
    const detail = 'should be a domain with at least two segments separated by dots';
    errors.push(invalidValue(path, domain, detail));
  }
  errors.push(...firstLabelErrors(rest, dnsSubdomainErrors, path));
  if (name.length > 571) errors.push(tooLong(path, 571));
  return errors;
}

/** What is wrong with the first bad label of a name with dots. */
function firstLabelErrors(name: string, check: (label: string) => string[], path: string): StatusCause[] {
  const bad = name.split('.').find((label) => check(label).length > 0);
  if (bad === undefined) return [];
  return check(bad).map((error) => invalidValue(path, name, `validating label ${JSON.stringify(bad)}: ${error}`));
}

function conditionErrors(conditions: readonly Fields[], path: string): StatusCause[] {
  const seen = new Set<string>();
  return conditions.flatMap((condition, index) => {
    const [type, status] = [textAt(condition, 'type'), textAt(condition, 'status')];
    const at = `${path}[${index}]`;
    const allowed = onlyTrue.includes(type) ? ['True'] : statuses;
    const errors = type === '' ? [requiredValue(`${at}.type`)] : [];
    if (status === '') errors.push(requiredValue(`${at}.status`));
    else if (!allowed.includes(status)) errors.push(unsupportedValue(`${at}.status`, status, allowed));
    const other = decisions.find((decision) => decision !== type);
    if (decisions.includes(type) && other !== undefined && seen.has(other)) {
      errors.push(invalidValue(path, type, 'Approved and Denied conditions are mutually exclusive'));
    }
    if (seen.has(type)) errors.push(duplicateValue(`${at}.type`, type));
    seen.add(type);
    return errors;
  });
}

/** Which subresource may change what of the status. */
function statusChangeErrors(request: KubeObject, old: KubeObject | undefined, subresource: string): StatusCause[] {
  if (!old) return [];
  const path = 'status.conditions';
  const errors: StatusCause[] = [];
  for (const type of onlyTrue) {
    if (conditionsOf(request, type).length < conditionsOf(old, type).length) {
      errors.push(forbiddenValue(path, `updates may not remove a condition of type "${type}"`));
    }
  }
  if (subresource !== 'approval') {
    for (const type of decisions) {
      const [now, before] = [conditionsOf(request, type), conditionsOf(old, type)];
      if (now.length > before.length) {
        errors.push(forbiddenValue(path, `updates may not add a condition of type "${type}"`));
      } else if (now.length === before.length && !equalJson(now, before)) {
        errors.push(forbiddenValue(path, `updates may not modify a condition of type "${type}"`));
      }
    }
  }
  const [certificate, before] = [textAt(request.status, 'certificate'), textAt(old.status, 'certificate')];
  if (certificate === before) return errors;
  const at = 'status.certificate';
  if (subresource !== 'status') errors.push(forbiddenValue(at, 'updates may not set certificate content'));
  else if (before !== '') errors.push(forbiddenValue(at, 'updates may not modify existing certificate content'));
  return errors;
}
