import type { IncomingMessage } from 'node:http';
import type { Challenge } from './challenge.ts';
import type { Credential } from './credential.ts';
import { errorOf } from './registry-error.ts';
import { readBody, send } from './send.ts';

/** A bearer token, and when (milliseconds) it is no longer to be used. */
export interface Token {
  value: string;
  until: number;
}

export interface TokenRequest {
  challenge: Challenge;
  /** 'repository:library/nginx:pull', when the challenge names none. */
  scope: string;
  credential: Credential | undefined;
  /** Of the registry: what it may lead to. */
  registry: { secure: boolean; mayBeLocal: boolean };
}

const mostAnswer = 1 << 20;

/**
 * Gets a token from where a registry's challenge says (the distribution project's token authentication; with a refresh
 * token, its OAuth2 form). The credential goes there only over TLS, unless the registry itself is reached without.
 */
export async function fetchToken(request: TokenRequest): Promise<Token> {
  const { challenge, scope, credential, registry } = request;
  const realm = realmOf(challenge, registry.secure);
  const service = challenge.parameters['service'];
  const asked = { ...(service === undefined ? {} : { service }), scope: challenge.parameters['scope'] ?? scope };
  const oauth = credential?.identityToken !== undefined;
  const form = new URLSearchParams(
    oauth
      ? { ...asked, grant_type: 'refresh_token', client_id: 'homeport', refresh_token: credential?.identityToken ?? '' }
      : asked,
  );
  if (!oauth) for (const [name, value] of form) realm.searchParams.append(name, value);
  const response = await send({
    method: oauth ? 'POST' : 'GET',
    url: realm,
    mayBeLocal: registry.mayBeLocal,
    headers: oauth
      ? { 'content-type': 'application/x-www-form-urlencoded' }
      : credential
        ? { authorization: basic(credential) }
        : {},
    ...(oauth ? { body: Buffer.from(form.toString()) } : {}),
  });
  const doing = `getting a token from ${realm.origin}${realm.pathname}`;
  if (response.statusCode !== 200) throw await errorOf(response, doing);
  return readToken(response, doing);
}

function realmOf(challenge: Challenge, secure: boolean): URL {
  const stated = challenge.parameters['realm'] ?? '';
  if (!URL.canParse(stated)) throw new Error(`the registry's challenge names no realm to get a token from`);
  const realm = new URL(stated);
  if (realm.protocol === 'https:' || (realm.protocol === 'http:' && !secure)) return realm;
  throw new Error(`the registry sends us to ${realm.origin} for a token, which is not over TLS: that is not followed`);
}

async function readToken(response: IncomingMessage, doing: string): Promise<Token> {
  const began = Date.now();
  const answer: unknown = JSON.parse((await readBody(response, mostAnswer)).toString('utf8'));
  const fields = typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {};
  const value = fields['token'] ?? fields['access_token'];
  if (typeof value !== 'string' || value === '' || /[^\x21-\x7e]/.test(value))
    throw new Error(`${doing}: the answer has no token`);
  const lives = typeof fields['expires_in'] === 'number' ? fields['expires_in'] : 60;
  // A little less than what it lives: it has to arrive, too.
  return { value, until: began + Math.max(0, lives - 5) * 1000 };
}

export const basic = ({ username, password }: Credential) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
