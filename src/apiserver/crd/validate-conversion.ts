import {
  dns1035LabelErrors,
  forbiddenValue,
  invalidValue,
  portNumberErrors,
  requiredValue,
  type StatusCause,
  unsupportedValue,
} from '../../machinery/index.ts';
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
      ? validateClientConfig(clientConfig)
      : [requiredValue(CONFIG, 'required when strategy is set to Webhook')];
    const errors = [...config, ...validateReviewVersions(conversionReviewVersions)];
    const reason = 'conversion by webhook is not supported by this API server yet: use None, or serve one version';
    return errors.length > 0 ? errors : [invalidValue(`${AT}.strategy`, strategy, reason)];
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

function validateClientConfig({ url, service }: WebhookClientConfig): StatusCause[] {
  if ((url === undefined) === (service === undefined)) {
    return [requiredValue(CONFIG, 'exactly one of url or service is required')];
  }
  return url === undefined ? validateService(service ?? {}) : validateUrl(url);
}

const FORM = '; desired format: https://host[/path]';

function validateUrl(text: string): StatusCause[] {
  const at = `${CONFIG}.url`;
  if (text === '') return [requiredValue(at)];
  const url = URL.parse(text);
  if (!url)
    return [invalidValue(at, text, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI${FORM}`)];
  const errors: StatusCause[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https') {
    errors.push(invalidValue(at, scheme, `'https' is the only allowed URL scheme${FORM}`));
  }
  if (url.host === '') errors.push(invalidValue(at, url.host, `host must be specified${FORM}`));
  const user = url.password === '' ? url.username : `${url.username}:${url.password}`;
  if (user !== '') errors.push(invalidValue(at, user, 'user information is not permitted in the URL'));
  if (url.hash.length > 1) errors.push(invalidValue(at, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search.length > 1) {
    errors.push(invalidValue(at, url.search.slice(1), 'query parameters are not permitted in the URL'));
  }
  return errors;
}

function validateService(service: NonNullable<WebhookClientConfig['service']>): StatusCause[] {
  const at = `${CONFIG}.service`;
  const { name = '', namespace = '', port = 443, path } = service;
  const errors: StatusCause[] = [];
  if (name === '') errors.push(requiredValue(`${at}.name`, 'service name is required'));
  if (namespace === '') errors.push(requiredValue(`${at}.namespace`, 'service namespace is required'));
  const wrong = portNumberErrors(port);
  if (wrong.length > 0) errors.push(invalidValue(`${at}.port`, port, `port is not valid: ${wrong.join(',')}`));
  return path === undefined ? errors : [...errors, ...validatePath(path, `${at}.path`)];
}

function validatePath(path: string, at: string): StatusCause[] {
  if (path === '/') return [];
  const invalid = (why: string) => invalidValue(at, path, why);
  const errors = path.startsWith('/') ? [] : [invalid("must start with a '/'")];
  // As upstream counts them: what stands before the first slash is no segment, nor is what follows the last.
  const steps = path.slice(1).replace(/\/$/, '').split('/');
  return [...errors, ...steps.flatMap((step, i) => (step === '' ? [invalid(`segment[${i}] may not be empty`)] : []))];
}
