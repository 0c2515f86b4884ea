import {
  dns1035LabelErrors,
  dnsLabelErrors,
  dnsSubdomainErrors,
  labelValueErrors,
  qualifiedNameErrors,
} from '../names.ts';
import { formatCheck } from '../structural-formats.ts';
import { isUrl } from './functions-network.ts';
import type { CelFunctions } from './signature.ts';
import { CelOptional } from './value.ts';

class CelFormat {
  static readonly celType = 'kubernetes.NamedFormat';
  readonly errors: (text: string) => string[];
  constructor(errors: (text: string) => string[]) {
    this.errors = errors;
  }
}

/** A name that something will be added to, as generateName: it may end with a dash. */
const prefix = (check: (text: string) => string[]) => (text: string) =>
  check(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text);
const orElse = (check: ((text: string) => boolean) | undefined, error: string) => (text: string) =>
  check?.(text) === false ? [error] : [];

const formats = new Map<string, CelFormat>(
  Object.entries({
    dns1123Label: dnsLabelErrors,
    dns1123Subdomain: dnsSubdomainErrors,
    dns1035Label: dns1035LabelErrors,
    qualifiedName: qualifiedNameErrors,
    dns1123LabelPrefix: prefix(dnsLabelErrors),
    dns1123SubdomainPrefix: prefix(dnsSubdomainErrors),
    dns1035LabelPrefix: prefix(dns1035LabelErrors),
    labelValue: labelValueErrors,
    uri: (text: string) => (isUrl(text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`]),
    uuid: orElse(formatCheck('uuid'), 'does not match the UUID format'),
    byte: orElse(formatCheck('byte'), 'invalid base64'),
    date: orElse(formatCheck('date'), 'invalid date'),
    datetime: orElse(formatCheck('date-time'), 'invalid datetime'),
  }).map(([name, errors]) => [name, new CelFormat(errors)]),
);

/** Kubernetes' named string formats: `format.dns1123Label().validate(name)` gives an optional list of errors. */
export const formatFunctions: CelFunctions = {
  'format.named(string): optional<kubernetes.NamedFormat>': (name: string) => {
    const found = formats.get(name);
    return found ? new CelOptional(found) : CelOptional.none;
  },
  ...Object.fromEntries(
    [...formats].map(([name, format]) => [`format.${name}(): kubernetes.NamedFormat`, () => format] as const),
  ),
  '(kubernetes.NamedFormat).validate(string): optional<list<string>>': (format: CelFormat, text: string) => {
    const errors = format.errors(text);
    return errors.length === 0 ? CelOptional.none : new CelOptional(errors);
  },
};
