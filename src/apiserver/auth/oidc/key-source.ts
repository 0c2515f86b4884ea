import { get } from 'node:https';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { isFields } from '../../../machinery/index.ts';
import type { JwtAuthenticator } from './configuration.ts';

/** Checks signatures with the keys that an issuer publishes. */
export interface KeySource {
  /** The claims of a token of this issuer. Throws an Error (jose's for a wrong token) that says why it cannot be trusted. */
  verify(token: string): Promise<JWTPayload>;
}

/** Milliseconds that one document may take. */
const PATIENCE = 10_000;
/** No document of an issuer is near this, in bytes. */
const LONGEST = 1024 * 1024;
const MAX_REDIRECTS = 3;
/** An issuer is asked again at most this often, whatever tokens come, in milliseconds. */
const ASK_AGAIN = 10_000;
/** Keys older than this are looked at again, so that one that was withdrawn does not last. */
const MAX_AGE = 60 * 60 * 1000;
/** go-oidc's leeway for tokens of an issuer whose clock is ahead, in seconds. */
const NOT_BEFORE_LEEWAY = 300;

type Keys = ReturnType<typeof createLocalJWKSet>;

/** Asks the issuer (OpenID Connect Discovery 1.0) when the first token comes, and again for keys that are not known. */
export function createKeySource(authenticator: JwtAuthenticator): KeySource {
  let keys: Keys | undefined;
  let asked = -ASK_AGAIN;
  let asking: Promise<Keys> | undefined;

  function ask(): Promise<Keys> {
    asked = performance.now();
    asking ??= fetchKeys(authenticator)
      .then((set) => {
        keys = createLocalJWKSet(set);
        return keys;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  const mayAsk = (): boolean => asking !== undefined || performance.now() - asked >= ASK_AGAIN;
  return {
    async verify(token) {
      if (keys === undefined) {
        if (!mayAsk()) throw new Error(`the issuer ${authenticator.issuer} could not be asked for its keys just now`);
        return verifyWith(await ask(), token, authenticator);
      }
      if (performance.now() - asked > MAX_AGE) {
        // What is known goes on counting while a new answer is on its way, and if there is none.
        ask().catch(() => undefined);
      }
      try {
        return await verifyWith(keys, token, authenticator);
      } catch (error) {
        if (!isUnknownKey(error) || !mayAsk()) throw error;
        return verifyWith(await ask(), token, authenticator);
      }
    },
  };
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;
}

async function verifyWith(keys: Keys, token: string, authenticator: JwtAuthenticator): Promise<JWTPayload> {
  const options = {
    issuer: authenticator.issuer,
    audience: [...authenticator.audiences],
    algorithms: [...authenticator.algorithms],
    requiredClaims: ['exp'],
    clockTolerance: NOT_BEFORE_LEEWAY,
  };
  const { payload } = await jwtVerify(token, keys, options).catch(async (error: unknown) => {
    // A token that does not name its key: any that fits may be the one.
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      const verified = await jwtVerify(token, key, options).catch((failure: unknown) => {
        if (failure instanceof errors.JWSSignatureVerificationFailed) return undefined;
        throw failure;
      });
      if (verified) return verified;
    }
    throw new errors.JWSSignatureVerificationFailed();
  });
  // The leeway is for tokens that are too young, not for those that are over.
  if ((payload.exp ?? 0) * 1000 <= Date.now()) throw new errors.JWTExpired('the token has expired', payload, 'exp');
  return payload;
}

async function fetchKeys({ issuer, discoveryUrl, certificateAuthority }: JwtAuthenticator): Promise<JSONWebKeySet> {
  const place = discoveryUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await fetchJson(place, certificateAuthority);
  if (document['issuer'] !== issuer) {
    throw new Error(`${place} is the document of the issuer ${JSON.stringify(document['issuer'])}, not of ${issuer}`);
  }
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string') throw new Error(`${place} does not say where the keys are (jwks_uri)`);
  return (await fetchJson(uri, certificateAuthority)) as unknown as JSONWebKeySet;
}

async function fetchJson(url: string, ca: string | undefined): Promise<Record<string, unknown>> {
  let place = url;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const { location, text } = await fetchText(place, ca);
    if (location !== undefined) {
      place = new URL(location, place).href;
      continue;
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Error(`${place} does not answer with JSON`);
    }
    if (!isFields(value)) throw new Error(`${place} does not answer with a JSON object`);
    return value;
  }
  throw new Error(`${url} leads from one place to the next`);
}

/** One answer: its text, or where it sends us. Throws for anything but HTTPS. */
function fetchText(url: string, ca: string | undefined): Promise<{ location?: string; text: string }> {
  if (!url.startsWith('https://')) throw new Error(`${url} is not HTTPS: what it says could be anybody's`);
  const { promise, resolve, reject } = Promise.withResolvers<{ location?: string; text: string }>();
  const signal = AbortSignal.timeout(PATIENCE);
  const request = get(url, { ...(ca ? { ca } : {}), signal, agent: false }, (response) => {
    const { statusCode = 0, headers } = response;
    if (statusCode >= 300 && statusCode < 400 && headers.location) {
      response.resume();
      resolve({ location: headers.location, text: '' });
      return;
    }
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST) request.destroy(new Error(`${url} answers with more than ${LONGEST} bytes`));
    });
    response.on('error', reject);
    response.on('end', () => {
      if (statusCode === 200) resolve({ text });
      else reject(new Error(`${url} answered ${statusCode}`));
    });
  });
  request.on('error', reject);
  return promise;
}
