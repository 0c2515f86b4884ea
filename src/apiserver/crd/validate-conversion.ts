import {
  dns1035LabelErrors,
  forbiddenValue,
  invalidValue,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
import { clientConfigErrors } from '../webhooks/client-config.ts';
import type { DefinitionConversion, WebhookClientConfig } from './definition.ts';

const AT = 'spec.conversion';
const CONFIG = `${AT}.webhookClientConfig`;
const VERSIONS = `${AT}.conversionReviewVersions`;
const strategies = ['None', 'Webhook'];
/** The versions of ConversionReview that kube-apiserver knows; this server speaks v1. */
const reviewVersions = ['v1', 'v1beta1'];

/** The errors of a CRD's spec.conversion. Its fields are named as in the type inside of kube-apiserver. */
export function validateConversion(conversion: DefinitionConversion = { strategy: 'None' }): StatusCause[] {
  const { strategy = '', webhook } = conversion;
  if (strategy === '') return [requiredValue(`${AT}.strategy`)];
  if (!strategies.includes(strategy)) return [unsupportedValue(`${AT}.strategy`, strategy, strategies)];
  const { clientConfig, conversionReviewVersions = [] } = webhook ?? {};
  if (strategy === 'Webhook') {
    const config = clientConfig
      ? clientConfigErrors({ ...clientConfig, ...withPort(clientConfig) }, CONFIG)
      : [requiredValue(CONFIG, 'required when strategy is set to Webhook')];
    return [...config, ...validateReviewVersions(conversionReviewVersions)];
  }
  const why = 'should not be set when strategy is not set to Webhook';
  return [
    ...(clientConfig ? [forbiddenValue(CONFIG, why)] : []),
    ...(conversionReviewVersions.length > 0 ? [forbiddenValue(VERSIONS, why)] : []),
  ];
}

function validateReviewVersions(versions: readonly string[]): StatusCause[] {
  if (versions.length === 0) return [requiredValue(VERSIONS)];
  const errors = versions.flatMap((version, i) => {
    if (versions.indexOf(version) < i) return [invalidValue(`${VERSIONS}[${i}]`, version, 'duplicate version')];
    const wrong = dns1035LabelErrors(version);
    return wrong.length > 0 ? [invalidValue(`${VERSIONS}[${i}]`, version, wrong.join(','))] : [];
  });
  if (versions.some((version) => reviewVersions.includes(version))) return errors;
  return [...errors, invalidValue(VERSIONS, versions, `must include at least one of ${reviewVersions.join(', ')}`)];
}

/** A port that is not given is that of HTTPS. */
const withPort = ({ service }: WebhookClientConfig) => (service ? { service: { port: 443, ...service } } : {});
