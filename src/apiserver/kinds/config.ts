import {
  configKeyErrors,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  isFields,
  jsonProblem,
  type KubeObject,
  requiredValue,
  type StatusCause,
  tooLong,
} from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll } from './checks.ts';
import { ensureObject, mapAt, objectAt, setDefault, textAt } from './fields.ts';

const maxBytes = 1024 * 1024;

export const configMapStrategy: KindStrategy = {
  validate(configMap, old) {
    const [data, binary] = [mapAt(configMap, 'data'), mapAt(configMap, 'binaryData')];
    const errors = immutableErrors(configMap, old, ['data', 'binaryData']);
    let bytes = 0;
    for (const [key, value] of Object.entries(data)) {
      errors.push(...invalidAll(`data[${key}]`, key, configKeyErrors(key)));
      if (Object.hasOwn(binary, key)) {
        errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
      }
      bytes += Buffer.byteLength(value);
    }
    for (const [key, value] of Object.entries(binary)) {
      errors.push(...invalidAll(`binaryData[${key}]`, key, configKeyErrors(key)));
      bytes += Buffer.byteLength(value, 'base64');
    }
    if (bytes > maxBytes) errors.push(tooLong('[]', maxBytes));
    return errors;
  },
};

function immutableErrors(object: KubeObject, old: KubeObject | undefined, fields: readonly string[]): StatusCause[] {
  if (old?.['immutable'] !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const changed = fields.filter((field) => !equalJson(object[field] ?? {}, old[field] ?? {}));
  if (object['immutable'] !== true) changed.unshift('immutable');
  return changed.map((field) => forbiddenValue(field, detail));
}

export const secretStrategy: KindStrategy = {
  applyDefaults(secret) {
    setDefault(secret, 'type', 'Opaque');
    const plain = objectAt(secret, 'stringData');
    if (plain && Object.keys(plain).length > 0) {
      const data = ensureObject(secret, 'data');
      for (const [key, value] of Object.entries(plain)) data[key] = Buffer.from(String(value)).toString('base64');
    }
    delete secret['stringData'];
  },
  validate(secret, old) {
    const errors: StatusCause[] = [];
    if (old && !equalJson(old['type'], secret['type'])) {
      errors.push(invalidValue('type', secret['type'], 'field is immutable'));
    }
    errors.push(...immutableErrors(secret, old, ['data']));
    const data = mapAt(secret, 'data');
    let bytes = 0;
    for (const [key, value] of Object.entries(data)) {
      errors.push(...invalidAll(`data[${key}]`, key, configKeyErrors(key)));
      bytes += Buffer.byteLength(value, 'base64');
    }
    if (bytes > maxBytes) errors.push(tooLong('data', maxBytes));
    return [...errors, ...secretTypeErrors(secret, data)];
  },
  warnings(secret) {
    return secret['type'] === 'kubernetes.io/tls' ? keyPairWarnings(mapAt(secret, 'data')) : [];
  },
};

const serviceAccountName = 'kubernetes.io/service-account.name';

/** What a Secret of a well-known type must hold. */
function secretTypeErrors(secret: KubeObject, data: Fields): StatusCause[] {
  const missing = (...keys: string[]): StatusCause[] =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => requiredValue(`data[${key}]`));
  switch (secret['type']) {
    case 'kubernetes.io/service-account-token':
      return secret.metadata.annotations?.[serviceAccountName]
        ? []
        : [requiredValue(`metadata.annotations[${serviceAccountName}]`)];
    case 'kubernetes.io/dockercfg':
      return [...missing('.dockercfg'), ...jsonErrors(data, '.dockercfg')];
    case 'kubernetes.io/dockerconfigjson':
      return [...missing('.dockerconfigjson'), ...jsonErrors(data, '.dockerconfigjson')];
    case 'kubernetes.io/basic-auth': {
      const errors = missing('username', 'password');
      return errors.length === 2 ? errors : [];
    }
    case 'kubernetes.io/ssh-auth':
      return textAt(data, 'ssh-privatekey') === '' ? [requiredValue('data[ssh-privatekey]')] : [];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

function jsonErrors(data: Fields, key: string): StatusCause[] {
  if (!Object.hasOwn(data, key)) return [];
  const text = Buffer.from(textAt(data, key), 'base64').toString();
  // What is wrong is told without the content, which is secret.
  const wrong = (why: string): StatusCause[] => [invalidValue(`data[${key}]`, '<secret contents redacted>', why)];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return wrong(jsonProblem(text));
  }
  if (value === null || isFields(value)) return [];
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return wrong(`json: cannot unmarshal ${type} into Go value of type map[string]interface {}`);
}

/** What keeps a certificate and a key from being used, as far as their outer form says it. */
function keyPairWarnings(data: Readonly<Record<string, string>>): string[] {
  const lacks = (key: string, label: RegExp): boolean => !label.test(Buffer.from(data[key] ?? '', 'base64').toString());
  const missing = (what: string): string[] => [`tls: failed to find any PEM data in ${what} input`];
  if (lacks('tls.crt', /-----BEGIN [^-]+-----/)) return missing('certificate');
  return lacks('tls.key', /-----BEGIN [^-]+-----/) ? missing('key') : [];
}
