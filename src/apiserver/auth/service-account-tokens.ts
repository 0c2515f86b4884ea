import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
} from 'node:crypto';
import type { JWTPayload } from 'jose';
import { objectKey } from '../../machinery/index.ts';
import type { ObjectReader, UserInfo } from '../contracts.ts';
import { fieldsOf } from './fields.ts';
import { unauthorized } from './unauthorized.ts';

/** Service account tokens: signed JWTs bound to objects that must still exist (KEP-1205). */
export interface ServiceAccountTokens {
  /**
   * Who a token speaks for, and which of the wanted audiences it is for. undefined: not a token of this issuer at all;
   * throws ApiError 401 for one that claims to be ours but is not valid, or not any more.
   */
  verify(token: string, audiences: readonly string[]): Promise<VerifiedToken | undefined>;
  issue(request: IssueRequest): Promise<string>;
  /** The document of /.well-known/openid-configuration. */
  readonly configuration: object;
  /** The document of /openid/v1/jwks (media type application/jwk-set+json). */
  readonly jwks: object;
  /** The API server's own audiences. */
  readonly audiences: readonly string[];
  /** Tokens live no longer than this; Infinity for as long as is asked for. */
  readonly maxExpirationSeconds: number;
}

export interface VerifiedToken {
  user: UserInfo;
  audiences: string[];
}

export interface BoundObject {
  name: string;
  uid: string;
}

export interface IssueRequest {
  namespace: string;
  serviceAccount: BoundObject;
  audiences: readonly string[];
  /** Seconds since the epoch. */
  issuedAt: number;
  expirationSeconds: number;
  pod?: BoundObject;
  secret?: BoundObject;
  node?: BoundObject;
  /** When use of the token should start to be reported, in seconds after issuedAt. */
  warnAfterSeconds?: number;
}

export interface TokenOptions {
  /** PKCS #8 PEM of a P-256 key. */
  keyPem: string;
  /** The first one issues, the tokens of all are accepted; SERVICE_ACCOUNT_ISSUER unless given. */
  issuers?: readonly string[];
  /** In seconds. */
  maxExpiration?: number;
  /** The URL under which the server answers, for jwks_uri. */
  serverUrl: string;
  reader: ObjectReader;
}

/** Loaded with the first token: it is 40 modules, and many a server never sees one. */
const jose = () => import('jose');

const ALGORITHM = 'ES256';
/** As kubeadm sets it. */
export const SERVICE_ACCOUNT_ISSUER = 'https://kubernetes.default.svc.cluster.local';
/** Longer than any token of ours: hostile ones are not worth decoding. */
const MAX_TOKEN_LENGTH = 8192;
/** Signatures that were checked are remembered; expiry and bound objects are looked at every time. */
const REMEMBERED_TOKENS = 4096;
/** How long a token outlives the start of its bound object's deletion, in milliseconds (upstream's leeway). */
const DELETION_LEEWAY = 60_000;

interface Claims {
  jti: string | undefined;
  audiences: string[];
  /** Milliseconds since the epoch. */
  expires: number;
  namespace: string;
  serviceAccount: BoundObject;
  pod: BoundObject | undefined;
  secret: BoundObject | undefined;
  node: BoundObject | undefined;
}

/**
 * What the flags say of issuers and of how long tokens live.
 * @throws Error for an issuer that looks like a URL and is none, and for a duration out of bounds.
 */
export function tokenOptions(flags: {
  serviceAccountIssuer?: readonly string[];
  serviceAccountMaxTokenExpiration?: string;
}): Pick<TokenOptions, 'issuers' | 'maxExpiration'> {
  const { serviceAccountIssuer: issuers, serviceAccountMaxTokenExpiration: longest } = flags;
  for (const issuer of issuers ?? []) {
    if (issuer.includes(':') && !URL.canParse(issuer)) {
      throw new Error(`service-account-issuer ${JSON.stringify(issuer)} contained a ':' but was not a valid URL`);
    }
  }
  if (longest === undefined) return issuers ? { issuers } : {};
  const [, hours = 0, minutes = 0, seconds = 0] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(longest) ?? [];
  const maxExpiration = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  if (maxExpiration < 3600 || maxExpiration > 2 ** 32) {
    throw new Error('the service-account-max-token-expiration must be between 1 hour and 2^32 seconds');
  }
  return { ...(issuers ? { issuers } : {}), maxExpiration };
}

/** Reads the key and prepares the published documents. Throws an Error for a key that is not one. */
export function createServiceAccountTokens(options: TokenOptions): ServiceAccountTokens {
  const issuers = options.issuers?.length ? options.issuers : [SERVICE_ACCOUNT_ISSUER];
  const [issuer = SERVICE_ACCOUNT_ISSUER] = issuers;
  const privateKey = createPrivateKey(options.keyPem);
  const publicKey = createPublicKey(privateKey);
  const jwk = publicKey.export({ format: 'jwk' });
  const kid = thumbprint(jwk);
  const checked = new Map<string, Claims>();

  async function claimsOf(token: string): Promise<Claims | undefined> {
    const known = checked.get(token);
    if (known !== undefined) return known;
    if (!(await isFrom(token, issuers))) return undefined;
    const claims = await checkSignature(token, publicKey, issuers);
    if (checked.size >= REMEMBERED_TOKENS) {
      const oldest = checked.keys().next().value;
      if (oldest !== undefined) checked.delete(oldest);
    }
    checked.set(token, claims);
    return claims;
  }

  return {
    audiences: issuers,
    maxExpirationSeconds: options.maxExpiration ?? Number.POSITIVE_INFINITY,
    jwks: { keys: [{ use: 'sig', alg: ALGORITHM, kid, ...jwk }] },
    configuration: {
      issuer,
      jwks_uri: `${options.serverUrl}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
    },
    async issue(request) {
      const { SignJWT } = await jose();
      return await new SignJWT({ 'kubernetes.io': privateClaims(request) })
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .setIssuer(issuer)
        .setSubject(`system:serviceaccount:${request.namespace}:${request.serviceAccount.name}`)
        .setAudience([...request.audiences])
        .setIssuedAt(request.issuedAt)
        .setNotBefore(request.issuedAt)
        .setExpirationTime(request.issuedAt + request.expirationSeconds)
        .setJti(randomUUID())
        .sign(privateKey);
    },
    async verify(token, audiences) {
      const claims = await claimsOf(token);
      if (claims === undefined) return undefined;
      const now = Date.now();
      const shared = claims.audiences.filter((audience) => audiences.includes(audience));
      if (shared.length === 0 || now >= claims.expires) throw unauthorized();
      if (!boundObjectsExist(claims, options.reader, now)) throw unauthorized();
      return { user: userOf(claims), audiences: shared };
    },
  };
}

/** The name of a P-256 key (RFC 7638): a digest of what it is made of, in this order. */
function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

/** Whether a token names one of our issuers. Nothing it says is trusted yet. */
async function isFrom(token: string, issuers: readonly string[]): Promise<boolean> {
  if (token.length > MAX_TOKEN_LENGTH || token.split('.').length !== 3) return false;
  const { decodeJwt, errors } = await jose();
  try {
    return issuers.includes(decodeJwt(token).iss ?? '');
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}

async function checkSignature(token: string, key: KeyObject, issuers: readonly string[]): Promise<Claims> {
  const { errors, jwtVerify } = await jose();
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [ALGORITHM],
      issuer: [...issuers],
      requiredClaims: ['aud', 'exp'],
    });
    return readClaims(payload);
  } catch (error) {
    if (error instanceof errors.JOSEError) throw unauthorized();
    throw error;
  }
}

function privateClaims(request: IssueRequest): object {
  return {
    namespace: request.namespace,
    ...(request.node ? { node: request.node } : {}),
    ...(request.pod ? { pod: request.pod } : {}),
    ...(request.secret ? { secret: request.secret } : {}),
    serviceaccount: request.serviceAccount,
    ...(request.warnAfterSeconds ? { warnafter: request.issuedAt + request.warnAfterSeconds } : {}),
  };
}

function readClaims(payload: JWTPayload): Claims {
  const own = fieldsOf(payload['kubernetes.io']);
  const serviceAccount = boundObject(own['serviceaccount']);
  const namespace = own['namespace'];
  const audiences = payload.aud === undefined ? [] : [payload.aud].flat();
  if (serviceAccount === undefined || typeof namespace !== 'string' || payload.exp === undefined) throw unauthorized();
  if (payload.sub !== `system:serviceaccount:${namespace}:${serviceAccount.name}`) throw unauthorized();
  return {
    jti: payload.jti,
    audiences,
    expires: payload.exp * 1000,
    namespace,
    serviceAccount,
    pod: boundObject(own['pod']),
    secret: boundObject(own['secret']),
    node: boundObject(own['node']),
  };
}

function boundObject(value: unknown): BoundObject | undefined {
  const { name, uid = '' } = fieldsOf(value);
  return typeof name === 'string' && typeof uid === 'string' ? { name, uid } : undefined;
}

function boundObjectsExist(claims: Claims, reader: ObjectReader, now: number): boolean {
  const lives = (resource: string, bound: BoundObject, namespace?: string): boolean => {
    const object = reader.get({ group: '', resource }, objectKey(bound.name, namespace));
    if (object === undefined || object.metadata.uid !== bound.uid) return false;
    const deleted = object.metadata.deletionTimestamp;
    return deleted === undefined || now - Date.parse(deleted) <= DELETION_LEEWAY;
  };
  const { namespace, serviceAccount, pod, secret, node } = claims;
  return (
    lives('serviceaccounts', serviceAccount, namespace) &&
    (pod === undefined || lives('pods', pod, namespace)) &&
    (secret === undefined || lives('secrets', secret, namespace)) &&
    // In a pod's token the node is only information; alone, the token is bound to it.
    (node === undefined || pod !== undefined || lives('nodes', node))
  );
}

function userOf(claims: Claims): UserInfo {
  const { namespace, serviceAccount, pod, node } = claims;
  const extra: Record<string, string[]> = {};
  const add = (key: string, value: string | undefined) => {
    if (value) extra[`authentication.kubernetes.io/${key}`] = [value];
  };
  add('credential-id', claims.jti && `JTI=${claims.jti}`);
  add('node-name', node?.name);
  add('node-uid', node?.uid);
  add('pod-name', pod?.name);
  add('pod-uid', pod?.uid);
  return {
    username: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    uid: serviceAccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}
