import {
  dnsSubdomainErrors,
  type Fields,
  invalidValue,
  portNumberErrors,
  requiredValue,
  type StatusCause,
} from '../../machinery/index.ts';
import { numberAt, objectAt, textAt } from '../kinds/fields.ts';

/** Where a webhook is (admissionregistration.k8s.io and apiextensions.k8s.io WebhookClientConfig). */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** PEM certificates in base64 of who signed the webhook's; without it the system's authorities count. */
  caBundle?: string;
}

const FORM = '; desired format: https://host[/path]';

/** What is wrong with a webhook's clientConfig, as kube-apiserver's util/webhook says it. */
export function clientConfigErrors(config: Fields | undefined, path: string): StatusCause[] {
  const url = config?.['url'];
  const service = objectAt(config, 'service');
  if ((url === undefined) === (service === undefined)) {
    return [requiredValue(path, 'exactly one of url or service is required')];
  }
  return service ? serviceErrors(service, `${path}.service`) : urlErrors(String(url), `${path}.url`);
}

function urlErrors(text: string, path: string): StatusCause[] {
  const [, scheme = '', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(.*)$/is.exec(text) ?? [];
  const [, authority = '', after = ''] = /^\/\/([^/?#]*)(.*)$/s.exec(rest) ?? ['', '', rest];
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const [, query = '', fragment = ''] = /^[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s.exec(after) ?? [];
  const errors: StatusCause[] = [];
  if (scheme.toLowerCase() !== 'https') {
    errors.push(invalidValue(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${FORM}`));
  }
  if (host === '') errors.push(invalidValue(path, host, `host must be specified${FORM}`));
  if (at >= 0) errors.push(invalidValue(path, authority.slice(0, at), 'user information is not permitted in the URL'));
  if (fragment !== '') errors.push(invalidValue(path, fragment, 'fragments are not permitted in the URL'));
  if (query !== '') errors.push(invalidValue(path, query, 'query parameters are not permitted in the URL'));
  return errors.length > 0 || URL.canParse(text)
    ? errors
    : [requiredValue(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid${FORM}`)];
}

function serviceErrors(service: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  // Upstream passes the two the wrong way round: what is missing is named by the other.
  if (textAt(service, 'namespace') === '') errors.push(requiredValue(`${path}.name`));
  if (textAt(service, 'name') === '') errors.push(requiredValue(`${path}.namespace`));
  const port = numberAt(service, 'port') ?? 0;
  const wrong = portNumberErrors(port);
  if (wrong.length > 0) errors.push(invalidValue(`${path}.port`, port, `port is not valid: ${wrong.join(', ')}`));
  return [...errors, ...pathErrors(textAt(service, 'path'), `${path}.path`)];
}

function pathErrors(text: string, path: string): StatusCause[] {
  if (text === '' || text === '/') return [];
  if (text === '//') return [invalidValue(path, text, 'segment[0] may not be empty')];
  const errors = text.startsWith('/') ? [] : [invalidValue(path, text, "must start with a '/'")];
  const steps = text.slice(1).replace(/\/$/, '').split('/');
  steps.forEach((step, index) => {
    if (step === '') errors.push(invalidValue(path, text, `segment[${index}] may not be empty`));
    else for (const why of dnsSubdomainErrors(step)) errors.push(invalidValue(path, text, `segment[${index}]: ${why}`));
  });
  return errors;
}
