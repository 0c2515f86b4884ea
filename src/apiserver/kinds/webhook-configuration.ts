import {
  dns1035LabelErrors,
  dnsSubdomainErrors,
  duplicateValue,
  type Fields,
  invalidValue,
  type KubeObject,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { matchConditionErrors } from '../policy/match-conditions.ts';
import { clientConfigErrors } from '../webhooks/client-config.ts';
import {
  defaultMatch,
  defaultScopes,
  FAILURE_POLICIES,
  matchPolicyErrors,
  optionalOneOf,
  REINVOCATION_POLICIES,
  ruleErrors,
} from './admission-rules.ts';
import { invalidAll, selectorErrors } from './checks.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from './fields.ts';

const ALL_SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const MAX_TIMEOUT = 30;

export const validatingWebhooksStrategy = webhooksStrategy(false);
export const mutatingWebhooksStrategy = webhooksStrategy(true);

/** ValidatingWebhookConfiguration and MutatingWebhookConfiguration of admissionregistration.k8s.io/v1. */
function webhooksStrategy(mutating: boolean): KindStrategy {
  return {
    applyDefaults(configuration) {
      for (const hook of objectsAt(configuration, 'webhooks')) {
        hook['failurePolicy'] ??= 'Fail';
        hook['timeoutSeconds'] ??= 10;
        defaultMatch(hook);
        defaultScopes(objectsAt(hook, 'rules'));
        if (mutating) hook['reinvocationPolicy'] ??= 'Never';
        const service = objectAt(objectAt(hook, 'clientConfig'), 'service');
        if (service) service['port'] ??= 443;
      }
    },
    validate: (configuration, old) => configurationErrors(configuration, leniencyOf(old)),
  };
}

/** What was let through once stays allowed in an update. */
interface Leniency {
  sideEffects: readonly string[];
  anyReviewVersions: boolean;
  repeatedNames: boolean;
}

function leniencyOf(old: KubeObject | undefined): Leniency {
  const hooks = objectsAt(old, 'webhooks');
  const names = hooks.map((hook) => textAt(hook, 'name'));
  return {
    sideEffects: hooks.every((hook) => SIDE_EFFECTS.includes(textAt(hook, 'sideEffects')))
      ? SIDE_EFFECTS
      : ALL_SIDE_EFFECTS,
    anyReviewVersions: !hooks.every((hook) => hasKnownVersion(textsAt(hook, 'admissionReviewVersions'))),
    repeatedNames: new Set(names).size < names.length,
  };
}

const hasKnownVersion = (versions: readonly string[]): boolean =>
  versions.some((version) => REVIEW_VERSIONS.includes(version));

function configurationErrors(configuration: KubeObject, lenient: Leniency): StatusCause[] {
  const names = new Set<string>();
  return objectsAt(configuration, 'webhooks').flatMap((hook, index) => {
    const path = `webhooks[${index}]`;
    const name = textAt(hook, 'name');
    const repeated = names.has(name) && name !== '' && !lenient.repeatedNames;
    names.add(name);
    return [
      ...webhookErrors(hook, path, lenient),
      ...reviewVersionErrors(textsAt(hook, 'admissionReviewVersions'), `${path}.admissionReviewVersions`, lenient),
      ...(repeated ? [duplicateValue(`${path}.name`, name)] : []),
    ];
  });
}

function webhookErrors(hook: Fields, path: string, { sideEffects }: Leniency): StatusCause[] {
  const timeout = numberAt(hook, 'timeoutSeconds');
  const late = timeout !== undefined && (timeout < 1 || timeout > MAX_TIMEOUT);
  return [
    ...qualifiedNameErrors(textAt(hook, 'name'), `${path}.name`),
    ...objectsAt(hook, 'rules').flatMap((rule, index) => ruleErrors(rule, `${path}.rules[${index}]`)),
    ...optionalOneOf(hook, 'failurePolicy', path, FAILURE_POLICIES),
    ...matchPolicyErrors(hook, path),
    ...sideEffectErrors(hook['sideEffects'], `${path}.sideEffects`, sideEffects),
    ...(late
      ? [invalidValue(`${path}.timeoutSeconds`, timeout, 'the timeout value must be between 1 and 30 seconds')]
      : []),
    ...selectorErrors(objectAt(hook, 'namespaceSelector') ?? {}, `${path}.namespaceSelector`),
    ...selectorErrors(objectAt(hook, 'objectSelector') ?? {}, `${path}.objectSelector`),
    ...optionalOneOf(hook, 'reinvocationPolicy', path, REINVOCATION_POLICIES),
    ...clientConfigErrors(objectAt(hook, 'clientConfig'), `${path}.clientConfig`),
    ...matchConditionErrors(objectsAt(hook, 'matchConditions'), `${path}.matchConditions`, false),
  ];
}

/** A webhook's name is a domain name of three labels at least. */
function qualifiedNameErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [requiredValue(path)];
  const errors = dnsSubdomainErrors(name);
  if (errors.length > 0) return invalidAll(path, name, errors);
  const detail = 'should be a domain with at least three segments separated by dots';
  return name.split('.').length < 3 ? [invalidValue(path, name, detail)] : [];
}

function sideEffectErrors(value: unknown, path: string, allowed: readonly string[]): StatusCause[] {
  if (value === undefined) return [requiredValue(path, `must specify one of ${allowed.join(', ')}`)];
  return allowed.includes(String(value)) ? [] : [unsupportedValue(path, value, allowed)];
}

function reviewVersionErrors(
  versions: readonly string[],
  path: string,
  { anyReviewVersions }: Leniency,
): StatusCause[] {
  if (versions.length === 0) return [requiredValue(path, `must specify one of ${REVIEW_VERSIONS.join(', ')}`)];
  const errors = versions.flatMap((version, index) => {
    const at = `${path}[${index}]`;
    if (versions.indexOf(version) < index) return [invalidValue(at, version, 'duplicate version')];
    return invalidAll(at, version, dns1035LabelErrors(version));
  });
  if (anyReviewVersions || hasKnownVersion(versions)) return errors;
  return [...errors, invalidValue(path, versions, `must include at least one of ${REVIEW_VERSIONS.join(', ')}`)];
}
