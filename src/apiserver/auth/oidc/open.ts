import type { AuthenticationFlags, ServerLog } from '../../options.ts';
import type { Anonymous } from './configuration.ts';
import type { OidcAuthenticator } from './oidc.ts';

/**
 * What the flags say of tokens of other issuers and of strangers. All of it is loaded only where a flag asks for it.
 * @throws Error for flags or a file that are wrong, as readAuthentication does.
 */
export async function openOidc(
  flags: AuthenticationFlags,
  ownIssuers: readonly string[],
  log: ServerLog,
): Promise<{ oidc?: OidcAuthenticator; anonymous?: Anonymous }> {
  const asked = Object.entries(flags).some(
    ([name, value]) => value !== undefined && (name === 'authenticationConfig' || name.startsWith('oidc')),
  );
  if (!asked) return {};
  const { readAuthentication } = await import('./configuration.ts');
  const { createOidc } = await import('./oidc.ts');
  const { jwt, anonymous } = readAuthentication(flags, ownIssuers);
  return { oidc: createOidc(jwt, log), ...(anonymous ? { anonymous } : {}) };
}
