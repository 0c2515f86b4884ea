import { readFileSync } from 'node:fs';
import type { Fields } from '../../../machinery/index.ts';
import { type ConfigFormat, listOf, readConfigFile, record, refuseInvalid, text, texts } from '../../config-file.ts';
import { objectAt, objectsAt, textAt, textsAt } from '../../kinds/fields.ts';
import type { AuthenticationFlags } from '../../options.ts';
import { type ClaimMapper, compileClaims } from './claims.ts';
import { configurationErrors } from './validate.ts';

/** One issuer of tokens, and how its claims become a user. */
export interface JwtAuthenticator {
  issuer: string;
  /** Where its discovery document is, if not where the issuer says. */
  discoveryUrl: string | undefined;
  /** PEM; undefined for those that this machine trusts. */
  certificateAuthority: string | undefined;
  audiences: readonly string[];
  algorithms: readonly string[];
  userOf: ClaimMapper;
}

/** Who may come without credentials: everywhere, on some paths, or nobody. */
export type Anonymous = (path: string) => boolean;

export interface AuthenticationConfiguration {
  jwt: readonly JwtAuthenticator[];
  /** undefined: it does not say. */
  anonymous: Anonymous | undefined;
}

const BOOL = { type: 'boolean' } as const;
const claimOrExpression = { claim: text, expression: text };

const FORMAT: ConfigFormat = {
  apiVersions: ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1', 'apiserver.config.k8s.io/v1alpha1'],
  kind: 'AuthenticationConfiguration',
  fields: {
    jwt: listOf(
      record({
        issuer: record({
          url: text,
          discoveryURL: text,
          certificateAuthority: text,
          audiences: texts,
          audienceMatchPolicy: text,
          egressSelectorType: text,
        }),
        claimValidationRules: listOf(record({ claim: text, requiredValue: text, expression: text, message: text })),
        claimMappings: record({
          username: record({ ...claimOrExpression, prefix: text }),
          groups: record({ ...claimOrExpression, prefix: text }),
          uid: record(claimOrExpression),
          extra: listOf(record({ key: text, valueExpression: text })),
        }),
        userValidationRules: listOf(record({ expression: text, message: text })),
      }),
    ),
    anonymous: record({ enabled: BOOL, conditions: listOf(record({ path: text })) }),
  },
};

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'];

/**
 * Reads `--authentication-config`, or what the `--oidc-*` flags say.
 * @param ownIssuers the issuers of service account tokens: nobody else may speak in their name.
 * @throws Error for flags or a file that are wrong, with kube-apiserver's words.
 */
export function readAuthentication(
  flags: AuthenticationFlags,
  ownIssuers: readonly string[],
): AuthenticationConfiguration {
  const usesFlags = Object.entries(flags).some(([name, value]) => name.startsWith('oidc') && value !== undefined);
  if (flags.authenticationConfig !== undefined) {
    if (usesFlags) throw new Error('authentication-config file and oidc-* flags are mutually exclusive');
    return fromFile(flags.authenticationConfig, flags, ownIssuers);
  }
  if (!usesFlags) return { jwt: [], anonymous: undefined };
  const { oidcIssuerUrl, oidcClientId } = flags;
  if (!oidcIssuerUrl || !oidcClientId) {
    throw new Error('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set');
  }
  const algorithms = flags.oidcSigningAlgs ?? ['RS256'];
  const unknown = algorithms.find((algorithm) => !ALGORITHMS.includes(algorithm));
  if (unknown !== undefined) throw new Error(`oidc: unsupported signing alg: ${JSON.stringify(unknown)}`);
  const jwt = [fromFlags(flags, oidcIssuerUrl, oidcClientId)];
  refuseInvalid('--oidc-issuer-url and its companions', configurationErrors({ jwt }, ownIssuers));
  return { jwt: jwt.map((each) => authenticatorOf(each, algorithms)), anonymous: undefined };
}

function fromFile(
  file: string,
  flags: AuthenticationFlags,
  ownIssuers: readonly string[],
): AuthenticationConfiguration {
  const where = `--authentication-config ${file}`;
  const content = readConfigFile(file, FORMAT);
  refuseInvalid(where, configurationErrors(content, ownIssuers));
  const anonymous = objectAt(content, 'anonymous');
  if (anonymous && flags.anonymousAuth !== undefined) {
    throw new Error(
      '--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
    );
  }
  return {
    jwt: objectsAt(content, 'jwt').map((each) => authenticatorOf(each, ALGORITHMS)),
    anonymous: anonymous && anonymousOf(anonymous),
  };
}

function anonymousOf(anonymous: Fields): Anonymous {
  if (anonymous['enabled'] !== true) return () => false;
  const paths = objectsAt(anonymous, 'conditions').map((condition) => textAt(condition, 'path'));
  return paths.length === 0 ? () => true : (path) => paths.includes(path);
}

/** The flags as the file would say it. */
function fromFlags(flags: AuthenticationFlags, url: string, audience: string): Fields {
  const claim = flags.oidcUsernameClaim ?? 'sub';
  // What a user calls themselves at one issuer may be somebody else's name at another: all but e-mail addresses say whose.
  const usual = claim === 'email' ? '' : `${url}#`;
  const prefix = flags.oidcUsernamePrefix === '-' ? '' : flags.oidcUsernamePrefix || usual;
  const { oidcCaFile, oidcGroupsClaim } = flags;
  const required = (flags.oidcRequiredClaim ?? []).map((pair) => {
    const equals = pair.indexOf('=');
    if (equals < 1) throw new Error(`--oidc-required-claim ${pair}: write CLAIM=VALUE`);
    return { claim: pair.slice(0, equals), requiredValue: pair.slice(equals + 1) };
  });
  return {
    issuer: {
      url,
      audiences: [audience],
      ...(oidcCaFile ? { certificateAuthority: readFileSync(oidcCaFile, 'utf8') } : {}),
    },
    claimValidationRules: required,
    claimMappings: {
      username: { claim, prefix },
      ...(oidcGroupsClaim ? { groups: { claim: oidcGroupsClaim, prefix: flags.oidcGroupsPrefix ?? '' } } : {}),
    },
  };
}

function authenticatorOf(jwt: Fields, algorithms: readonly string[]): JwtAuthenticator {
  const issuer = objectAt(jwt, 'issuer');
  return {
    issuer: textAt(issuer, 'url'),
    discoveryUrl: textAt(issuer, 'discoveryURL') || undefined,
    certificateAuthority: textAt(issuer, 'certificateAuthority') || undefined,
    audiences: textsAt(issuer, 'audiences'),
    algorithms,
    userOf: compileClaims(jwt),
  };
}
