import { readFileSync } from 'node:fs';
import { yaml } from '../machinery/index.ts';
import { meaningOf } from './explain.ts';

/** What differs from the defaults: the spec of a homeport.dev/v1alpha1 Configuration, and the flags of `homeport up`. */
export interface Configuration {
  dataDir: string;
  securePort?: number;
  appsPort?: number;
  registryPort?: number;
  insecureRegistry?: string[];
  bindAddress: string;
  runtime: string;
  simulateNodes?: number;
  serviceClusterIpRange?: string;
  authorizationMode: string;
  tokenAuthFile?: string;
  clientCaFile?: string;
  anonymousAuth?: boolean;
  authenticationConfig?: string;
  serviceAccountIssuer?: string[];
  serviceAccountMaxTokenExpiration?: string;
  oidcIssuerUrl?: string;
  oidcClientId?: string;
  oidcUsernameClaim?: string;
  oidcUsernamePrefix?: string;
  oidcGroupsClaim?: string;
  oidcGroupsPrefix?: string;
  oidcRequiredClaim?: string[];
  oidcSigningAlgs?: string[];
  oidcCaFile?: string;
  admissionControlConfigFile?: string;
  auditPolicyFile?: string;
  auditLogPath?: string;
  auditLogMaxage?: number;
  auditLogMaxbackup?: number;
  auditLogMaxsize?: number;
  quotaBackendBytes?: number;
  logLevel: string;
}

interface Option {
  /** The field of the configuration file. */
  field: keyof Configuration;
  /** The flag as commander wants it. */
  flag: string;
  description: string;
  fallback?: string;
  /** A port number; 0 takes any free one. */
  port?: boolean;
  /** true or false. */
  truth?: boolean;
  /** Several texts: a list in the file, separated by commas or repeated on the command line. */
  list?: boolean;
  /** A whole number, not negative. */
  number?: boolean;
  choices?: readonly string[];
}

/** The one table of options: every flag has a field in the file, and the other way round. */
export const options: readonly Option[] = [
  { field: 'dataDir', flag: '--data <dir>', description: 'where everything is kept', fallback: '.homeport' },
  {
    field: 'securePort',
    flag: '--secure-port <port>',
    description: 'port of the API (HTTPS); when left out: 6443, or a free one if that is taken',
    port: true,
  },
  {
    field: 'appsPort',
    flag: '--apps-port <port>',
    description: 'port on which applications answer by host name (HTTP); when left out: 8080, or a free one',
    port: true,
  },
  {
    field: 'registryPort',
    flag: '--registry-port <port>',
    description: 'port of the image registry, on this machine only; when left out: 5000, or a free one',
    port: true,
  },
  {
    field: 'insecureRegistry',
    flag: '--insecure-registry <host...>',
    description: 'registries to pull from without TLS, as HOST or HOST:PORT; those on this machine are anyway',
    list: true,
  },
  { field: 'bindAddress', flag: '--bind-address <ip>', description: 'address to listen on', fallback: '127.0.0.1' },
  {
    field: 'runtime',
    flag: '--runtime <name>',
    description: 'how pods run; auto takes the best that works here',
    fallback: 'auto',
    choices: ['auto', 'linux', 'simulated'],
  },
  {
    field: 'simulateNodes',
    flag: '--simulate-nodes <count>',
    description: 'also have so many nodes that only pretend: pods on them are Running and Ready at once',
    number: true,
  },
  {
    field: 'serviceClusterIpRange',
    flag: '--service-cluster-ip-range <cidr>',
    description: 'addresses for Services; when left out: a range that is free on this machine',
  },
  {
    field: 'authorizationMode',
    flag: '--authorization-mode <modes>',
    description: 'RBAC, AlwaysAllow or AlwaysDeny, or several separated by commas',
    fallback: 'RBAC',
  },
  {
    field: 'tokenAuthFile',
    flag: '--token-auth-file <file>',
    description: 'CSV of bearer tokens: token,user,uid,"group1,group2"',
  },
  {
    field: 'clientCaFile',
    flag: '--client-ca-file <file>',
    description: 'also accept client certificates signed by these authorities (PEM)',
  },
  {
    field: 'anonymousAuth',
    flag: '--anonymous-auth <true|false>',
    description:
      'let requests without credentials be those of system:anonymous; when left out: true, but not with AlwaysAllow',
    truth: true,
  },
  {
    field: 'authenticationConfig',
    flag: '--authentication-config <file>',
    description: 'AuthenticationConfiguration: issuers of tokens (OIDC), and how their claims become users',
  },
  {
    field: 'serviceAccountIssuer',
    flag: '--service-account-issuer <issuer...>',
    description: 'issuer of service account tokens; of several, the first issues and all are accepted',
    list: true,
  },
  {
    field: 'serviceAccountMaxTokenExpiration',
    flag: '--service-account-max-token-expiration <duration>',
    description: 'how long service account tokens may live, like 24h; when left out: as long as is asked for',
  },
  {
    field: 'oidcIssuerUrl',
    flag: '--oidc-issuer-url <url>',
    description: 'accept the ID tokens of this issuer (OpenID Connect, HTTPS only)',
  },
  {
    field: 'oidcClientId',
    flag: '--oidc-client-id <id>',
    description: 'the client that those tokens must be for',
  },
  {
    field: 'oidcUsernameClaim',
    flag: '--oidc-username-claim <claim>',
    description: 'the claim that is the user name; when left out: sub',
  },
  {
    field: 'oidcUsernamePrefix',
    flag: '--oidc-username-prefix <text>',
    description: 'put before user names, - for nothing; when left out: the issuer and #, but for e-mail addresses',
  },
  { field: 'oidcGroupsClaim', flag: '--oidc-groups-claim <claim>', description: 'the claim that holds the groups' },
  { field: 'oidcGroupsPrefix', flag: '--oidc-groups-prefix <text>', description: 'put before the groups' },
  {
    field: 'oidcRequiredClaim',
    flag: '--oidc-required-claim <claim=value...>',
    description: 'claims that must have these values',
    list: true,
  },
  {
    field: 'oidcSigningAlgs',
    flag: '--oidc-signing-algs <algorithms>',
    description: 'how tokens may be signed, several separated by commas; when left out: RS256',
    list: true,
  },
  {
    field: 'oidcCaFile',
    flag: '--oidc-ca-file <file>',
    description: "trust these authorities (PEM) for the issuer; when left out: the machine's",
  },
  {
    field: 'admissionControlConfigFile',
    flag: '--admission-control-config-file <file>',
    description: 'AdmissionConfiguration: what PodSecurity does by default, and whom it exempts',
  },
  {
    field: 'auditLogPath',
    flag: '--audit-log-path <file>',
    description: 'log who asked for what there, a line of JSON each; - is the standard output',
  },
  {
    field: 'auditPolicyFile',
    flag: '--audit-policy-file <file>',
    description:
      'audit.k8s.io/v1 Policy; when left out: changes, without the content of Secrets, ConfigMaps and tokens',
  },
  {
    field: 'auditLogMaxsize',
    flag: '--audit-log-maxsize <megabytes>',
    description: 'begin a new audit log at this size; when left out: 100',
    number: true,
  },
  {
    field: 'auditLogMaxbackup',
    flag: '--audit-log-maxbackup <count>',
    description: 'keep this many older audit logs; when left out: all',
    number: true,
  },
  {
    field: 'auditLogMaxage',
    flag: '--audit-log-maxage <days>',
    description: 'keep older audit logs for this long; when left out: for ever',
    number: true,
  },
  {
    field: 'quotaBackendBytes',
    flag: '--quota-backend-bytes <bytes>',
    description: 'how large the database may become; when left out: 2 GiB',
    number: true,
  },
  {
    field: 'logLevel',
    flag: '--log-level <level>',
    description: 'how much goes to homeport.log',
    fallback: 'warn',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  },
];

/** The key under which commander reports a flag's value: '--secure-port <port>' → 'securePort'. */
export function flagKey(option: Option): string {
  const name = option.flag.split(' ')[0]?.replace(/^--/, '') ?? '';
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * Merges defaults, the configuration file and the flags, in rising order of precedence.
 * @param flags what commander parsed; an absent flag is undefined
 * @param file path of a homeport.dev/v1alpha1 Configuration, or undefined
 * @throws Error that names the file and field that is wrong
 */
export function readConfiguration(flags: Record<string, unknown>, file: string | undefined): Configuration {
  const fromFile = file === undefined ? {} : readFile(file);
  const merged: Record<string, unknown> = {};
  for (const option of options) {
    const flag = flags[flagKey(option)];
    const given = flag ?? fromFile[option.field];
    const where = flag === undefined ? `${file}: spec.${option.field}` : option.flag.split(' ')[0];
    const value = given === undefined ? option.fallback : checked(option, given, `${where}`);
    if (value !== undefined) merged[option.field] = value;
  }
  return merged as unknown as Configuration;
}

function checked(option: Option, given: unknown, where: string): string | number | boolean | string[] {
  if (option.truth) {
    if (given === true || given === 'true') return true;
    if (given === false || given === 'false') return false;
    throw new Error(`${where} must be true or false, not ${JSON.stringify(given)}`);
  }
  if (option.list) return checkedList(given, where);
  if (option.port) {
    const port = Number(given);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new Error(
        `${where} must be a port between 0 and 65535 (0 takes any free one), not ${JSON.stringify(given)}`,
      );
    }
    return port;
  }
  if (option.number) {
    const number = Number(given);
    if (Number.isInteger(number) && number >= 0) return number;
    throw new Error(`${where} must be a whole number, not ${JSON.stringify(given)}`);
  }
  if (typeof given !== 'string' || given === '')
    throw new Error(`${where} must be a text, not ${JSON.stringify(given)}`);
  if (option.choices && !option.choices.includes(given)) {
    throw new Error(`${where} must be one of ${option.choices.join(', ')}, not ${JSON.stringify(given)}`);
  }
  return given;
}

function checkedList(given: unknown, where: string): string[] {
  const items = typeof given === 'string' ? given.split(',') : given;
  if (Array.isArray(items) && items.length > 0 && items.every((item) => typeof item === 'string' && item !== '')) {
    return items;
  }
  throw new Error(`${where} must be a list of texts, not ${JSON.stringify(given)}`);
}

function readFile(file: string): Record<string, unknown> {
  const document = yaml().parseDocument(readText(file));
  const [problem] = document.errors;
  // The first line says what and where; those below draw it.
  if (problem) throw new Error(`${file} is not YAML: ${problem.message.split('\n', 1)[0]?.replace(/:$/, '')}`);
  const content = document.toJS({ maxAliasCount: 100 }) as Record<string, unknown> | null;
  if (content?.['apiVersion'] !== 'homeport.dev/v1alpha1' || content['kind'] !== 'Configuration') {
    throw new Error(`${file} must be of apiVersion homeport.dev/v1alpha1 and kind Configuration`);
  }
  const spec = (content['spec'] ?? {}) as Record<string, unknown>;
  if (typeof spec !== 'object' || Array.isArray(spec))
    throw new Error(`${file}: spec must hold fields, not a list or a text`);
  const known = new Set<string>(options.map((option) => option.field));
  const unknown = Object.keys(spec).find((field) => !known.has(field));
  if (unknown) throw new Error(`${file}: unknown field spec.${unknown}; there are ${[...known].join(', ')}`);
  return spec;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`the configuration ${file} cannot be read: ${meaningOf(error)}`);
  }
}
