import { decodeJwt, errors } from 'jose';
import type { UserInfo } from '../../contracts.ts';
import type { ServerLog } from '../../options.ts';
import { unauthorized } from '../unauthorized.ts';
import type { JwtAuthenticator } from './configuration.ts';
import { createKeySource } from './key-source.ts';

/** Whose a token is. undefined: it is of no issuer that is known here; throws ApiError 401 for one that is not valid. */
export type OidcAuthenticator = (token: string) => Promise<UserInfo | undefined>;

/** Longer than any token of an honest issuer, in characters: hostile ones are not worth decoding. */
const MAX_TOKEN_LENGTH = 64 * 1024;

/** OpenID Connect: tokens of other issuers, checked with the keys that those publish. Nothing is asked before a token comes. */
export function createOidc(authenticators: readonly JwtAuthenticator[], log: ServerLog): OidcAuthenticator {
  const issuers = new Map(
    authenticators.map((authenticator) => [
      authenticator.issuer,
      { keys: createKeySource(authenticator), userOf: authenticator.userOf },
    ]),
  );
  return async (token) => {
    const issuer = issuers.size === 0 ? undefined : issuerOf(token);
    const known = issuer === undefined ? undefined : issuers.get(issuer);
    if (known === undefined) return undefined;
    try {
      return known.userOf({ ...(await known.keys.verify(token)) });
    } catch (error) {
      // Whoever guesses hears nothing of it; whoever runs the server has to be able to find out.
      log.warn({ issuer, reason: error instanceof Error ? error.message : String(error) }, 'a token was refused');
      throw unauthorized();
    }
  };
}

/** Whom a token names as its issuer. Nothing it says is trusted yet. */
function issuerOf(token: string): string | undefined {
  if (token.length > MAX_TOKEN_LENGTH || token.split('.').length !== 3) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined;
    throw error;
  }
}
