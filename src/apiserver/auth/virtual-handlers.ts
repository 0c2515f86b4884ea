import type { KubeObject } from '../../machinery/index.ts';
import type { ObjectReader, UserInfo } from '../contracts.ts';
import { reviewAccess, reviewOwnAccess, reviewOwnRules } from './access-reviews.ts';
import type { TokenAuthenticator } from './authenticate.ts';
import type { PolicyAuthorizer } from './authorize.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { requestToken } from './token-request.ts';
import { reviewSelf, reviewToken } from './token-reviews.ts';

/** Answers a create of something that is never stored. `name` is '' but for serviceaccounts/token. Throws ApiError. */
export type VirtualHandler = (
  user: UserInfo,
  object: KubeObject,
  namespace: string,
  name: string,
  /** Adds a Warning header to the answer. */
  warn: (text: string) => void,
) => Promise<KubeObject>;

export interface VirtualDependencies {
  authenticator: TokenAuthenticator;
  authorizer: PolicyAuthorizer;
  tokens: ServiceAccountTokens;
  reader: ObjectReader;
}

/**
 * Keyed by resource as groupResource() writes it: 'selfsubjectaccessreviews.authorization.k8s.io',
 * 'tokenreviews.authentication.k8s.io', …, and 'serviceaccounts/token' for the subresource (TokenRequest).
 */
export function createVirtualHandlers(dependencies: VirtualDependencies): ReadonlyMap<string, VirtualHandler> {
  const { authenticator, authorizer, tokens, reader } = dependencies;
  return new Map<string, VirtualHandler>([
    [
      'selfsubjectaccessreviews.authorization.k8s.io',
      async (user, review) => reviewOwnAccess(authorizer, user, review),
    ],
    ['subjectaccessreviews.authorization.k8s.io', async (_, review) => reviewAccess(authorizer, review, undefined)],
    [
      'localsubjectaccessreviews.authorization.k8s.io',
      async (_, review, namespace) => reviewAccess(authorizer, review, namespace),
    ],
    ['selfsubjectrulesreviews.authorization.k8s.io', async (user, review) => reviewOwnRules(authorizer, user, review)],
    ['selfsubjectreviews.authentication.k8s.io', async (user, review) => reviewSelf(user, review)],
    ['tokenreviews.authentication.k8s.io', (_, review) => reviewToken(authenticator, review)],
    [
      'serviceaccounts/token',
      (_, request, namespace, name, warn) => requestToken({ reader, tokens, warn }, request, namespace, name),
    ],
  ]);
}
