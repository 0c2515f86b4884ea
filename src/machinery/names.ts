/**
 * The syntax checks that kube-apiserver runs on names, labels, keys and ports. Each returns what is wrong, in
 * kube-apiserver's words, and an empty list for a good value (apimachinery util/validation). The patterns are
 * printed in messages, so they are upstream's; none of them backtracks on inputs within the length limits, and the
 * length is checked before the pattern runs.
 */
type Check = (value: string) => string[];

const dnsLabelPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dnsSubdomainPattern = `${dnsLabelPattern}(\\.${dnsLabelPattern})*`;
const dns1035Pattern = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedNamePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const configKeyPattern = '[-._a-zA-Z0-9]+';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);

const dnsLabel = whole(dnsLabelPattern);
const dnsSubdomain = whole(dnsSubdomainPattern);
const dns1035Label = whole(dns1035Pattern);
const wildcardSubdomain = whole(`\\*\\.${dnsSubdomainPattern}`);
const qualifiedName = whole(qualifiedNamePattern);
const configKey = whole(configKeyPattern);

const dnsSubdomainMaxLength = 253;
const labelMaxLength = 63;
/** Longer values are too long for every pattern here: say so and nothing else, and never run a pattern on them. */
const patternLimit = 4096;

const alphanumericEnds = 'and must start and end with an alphanumeric character';

/** 'must be no more than 63 characters'. */
function maxLengthMessage(length: number): string {
  return `must be no more than ${length} characters`;
}

/** 'must be between 1 and 65535, inclusive'. */
export function rangeMessage(low: number, high: number): string {
  return `must be between ${low} and ${high}, inclusive`;
}

/** `MESSAGE (e.g. 'A',  or 'B', regex used for validation is 'PATTERN')`: how kube-apiserver words a failed pattern. */
function patternMessage(message: string, pattern: string, ...examples: string[]): string {
  const eg = examples.length === 0 ? '' : `e.g. ${examples.map((example) => `'${example}', `).join(' or ')}`;
  return `${message} (${eg}regex used for validation is '${pattern}')`;
}

function check(value: string, max: number, pattern: RegExp, message: () => string): string[] {
  const tooLong = value.length > max ? [maxLengthMessage(max)] : [];
  if (value.length <= patternLimit && !pattern.test(value)) tooLong.push(message());
  return tooLong;
}

/** A DNS subdomain (RFC 1123): the name of most objects. */
export const dnsSubdomainErrors: Check = (value) =>
  check(value, dnsSubdomainMaxLength, dnsSubdomain, () =>
    patternMessage(
      `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', ${alphanumericEnds}`,
      dnsSubdomainPattern,
      'example.com',
    ),
  );

/** A DNS label (RFC 1123): the name of a namespace, container, volume. */
export const dnsLabelErrors: Check = (value) =>
  check(value, labelMaxLength, dnsLabel, () =>
    dnsSubdomain.test(value)
      ? 'must not contain dots'
      : patternMessage(
          `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', ${alphanumericEnds}`,
          dnsLabelPattern,
          'my-name',
          '123-abc',
        ),
  );

/** A DNS label that starts with a letter (RFC 1035): the name of a Service. */
export const dns1035LabelErrors: Check = (value) =>
  check(value, labelMaxLength, dns1035Label, () =>
    patternMessage(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      dns1035Pattern,
      'my-name',
      'abc-123',
    ),
  );

/** '*.' and a DNS subdomain: a host of an Ingress rule. */
export const wildcardSubdomainErrors: Check = (value) =>
  check(value, dnsSubdomainMaxLength, wildcardSubdomain, () =>
    patternMessage(
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
      `\\*\\.${dnsSubdomainPattern}`,
      '*.example.com',
    ),
  );

const qualifiedNameMessage = patternMessage(
  `must consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`,
  qualifiedNamePattern,
  'MyName',
  'my.name',
  '123-abc',
);

/** A name with an optional DNS prefix, 'example.com/name': the key of a label or annotation, a finalizer. */
export const qualifiedNameErrors: Check = (value) => {
  const parts = value.split('/', 3);
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedNameMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const errors: string[] = [];
  const [prefix, name = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined) errors.push(...dnsSubdomainErrors(prefix).map((error) => `prefix part ${error}`));
  if (name === '') errors.push('name part must be non-empty');
  errors.push(...check(name, labelMaxLength, qualifiedName, () => qualifiedNameMessage).map((e) => `name part ${e}`));
  return errors;
};

/** The value of a label: empty or at most 63 characters. */
export const labelValueErrors: Check = (value) =>
  value === ''
    ? []
    : check(value, labelMaxLength, qualifiedName, () =>
        patternMessage(
          `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', ${alphanumericEnds}`,
          `(${qualifiedNamePattern})?`,
          'MyValue',
          'my_value',
          '12345',
        ),
      );

/** A key of a ConfigMap or Secret: also a file's name, so '.' and '..' are out. */
export const configKeyErrors: Check = (value) => [
  ...check(value, dnsSubdomainMaxLength, configKey, () =>
    patternMessage(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      configKeyPattern,
      'key.name',
      'KEY_NAME',
      'key-name',
    ),
  ),
  ...parentFolderErrors(value),
];

function parentFolderErrors(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** The name of an environment variable: printable ASCII but '='. */
export const envNameErrors: Check = (value) => {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[\x20-\x3c\x3e-\x7e]*$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
};

/** The name of a port (RFC 6335): at most 15 of [-a-z0-9], one letter at least. */
export const portNameErrors: Check = (value) => {
  const errors: string[] = [];
  if (value.length > 15) errors.push(maxLengthMessage(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
};

/** A port number. */
export function portNumberErrors(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : [rangeMessage(1, 65535)];
}

/** The name of an HTTP header, as probes may send. */
export const headerNameErrors: Check = (value) =>
  /^[-A-Za-z0-9]+$/.test(value)
    ? []
    : [
        patternMessage(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          '[-A-Za-z0-9]+',
          'X-Header-Name',
        ),
      ];
