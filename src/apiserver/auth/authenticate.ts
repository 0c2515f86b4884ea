import type { IncomingMessage } from 'node:http';
import type { Authenticator, UserInfo } from '../contracts.ts';
import { userOfClientCertificate } from './client-certificate.ts';
import type { Anonymous } from './oidc/configuration.ts';
import type { OidcAuthenticator } from './oidc/oidc.ts';
import type { ServiceAccountTokens, VerifiedToken } from './service-account-tokens.ts';
import { parseTokenFile } from './token-file.ts';
import { unauthorized } from './unauthorized.ts';

/** An Authenticator that can also judge a bare token, for TokenReview. */
export interface TokenAuthenticator extends Authenticator {
  /**
   * Whose token it is, if it is for one of the audiences (those of this server if there are none). Throws ApiError 401 for
   * a token that nobody here issued or that is not valid any more.
   */
  authenticateToken(token: string, audiences: readonly string[]): Promise<VerifiedToken>;
}

export interface AuthenticationOptions {
  /** The text of a `--token-auth-file`. */
  tokenFile?: string;
  tokens: ServiceAccountTokens;
  /** Tokens of other issuers. */
  oidc?: OidcAuthenticator;
  /** Whether requests without credentials for a path are those of system:anonymous, who may do what the authorizer lets them. */
  anonymous: Anonymous;
}

const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };
const AUTHENTICATED = 'system:authenticated';

/**
 * Client certificates (as TLS verified them: the server must ask for certificates without insisting on them,
 * `requestCert: true, rejectUnauthorized: false, ca: [...]`), bearer tokens, and anonymous. A request that
 * brings a valid certificate is its owner's, whatever token comes with it, as in kube-apiserver.
 * Throws an Error for a token file that cannot be read.
 */
export function createAuthenticator(options: AuthenticationOptions): TokenAuthenticator {
  const userOfStaticToken = options.tokenFile === undefined ? () => undefined : parseTokenFile(options.tokenFile);

  async function authenticateToken(token: string, audiences: readonly string[]): Promise<VerifiedToken> {
    const wanted = audiences.length === 0 ? options.tokens.audiences : audiences;
    const user = userOfStaticToken(token);
    // Static tokens and those of other issuers know no audience of ours: they are for the API server.
    const own = options.tokens.audiences.filter((audience) => wanted.includes(audience));
    if (user !== undefined && own.length > 0) return { user: asAuthenticated(user), audiences: own };
    const verified = await options.tokens.verify(token, wanted);
    if (verified !== undefined) return verified;
    const foreign = own.length > 0 ? await options.oidc?.(token) : undefined;
    if (foreign === undefined) throw unauthorized();
    return { user: asAuthenticated(foreign), audiences: own };
  }

  return {
    authenticateToken,
    async authenticate(request) {
      const certified = userOfClientCertificate(request, Date.now());
      if (certified !== undefined) return asAuthenticated(certified);
      const token = bearerToken(request);
      if (token !== undefined) return (await authenticateToken(token, [])).user;
      return options.anonymous(pathOf(request)) ? ANONYMOUS : undefined;
    },
  };
}

function asAuthenticated(user: UserInfo): UserInfo {
  return user.groups.includes(AUTHENTICATED) ? user : { ...user, groups: [...user.groups, AUTHENTICATED] };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

const WEBSOCKET_BEARER = 'base64url.bearer.authorization.k8s.io.';

/**
 * The token of an Authorization header, or of the WebSocket subprotocol that stands for it in browsers. Throws ApiError 401
 * for an Authorization header that holds anything else.
 */
function bearerToken(request: IncomingMessage): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const [scheme = '', token = ''] = header.trim().split(' ', 2);
    if (scheme.toLowerCase() !== 'bearer' || token === '') throw unauthorized();
    return token;
  }
  const protocols = request.headers['sec-websocket-protocol'] ?? '';
  const marked = protocols.split(',').find((protocol) => protocol.trim().startsWith(WEBSOCKET_BEARER));
  if (marked === undefined) return undefined;
  return Buffer.from(marked.trim().slice(WEBSOCKET_BEARER.length), 'base64url').toString('utf8');
}
