import { ApiError, badRequest, type KubeObject } from '../../machinery/index.ts';
import type { UserInfo } from '../contracts.ts';
import type { TokenAuthenticator } from './authenticate.ts';
import { fieldsOf, stringsOf } from './fields.ts';

/** TokenReview: whose token is this? Throws ApiError 400 without a token. */
export async function reviewToken(authenticator: TokenAuthenticator, review: KubeObject): Promise<KubeObject> {
  const { token, audiences, ...spec } = fieldsOf(review.spec);
  if (typeof token !== 'string' || token === '') {
    throw badRequest('token is required for TokenReview in authentication');
  }
  const wanted = stringsOf(audiences);
  const answer = { ...review, spec: { ...spec, token, ...(wanted.length > 0 ? { audiences: wanted } : {}) } };
  try {
    const verified = await authenticator.authenticateToken(token, wanted);
    return {
      ...answer,
      status: { authenticated: true, user: userObject(verified.user), audiences: verified.audiences },
    };
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 401) throw error;
    return {
      ...answer,
      status: { user: {}, error: 'invalid bearer token' },
    };
  }
}

/** SelfSubjectReview: who am I? */
export function reviewSelf(user: UserInfo, review: KubeObject): KubeObject {
  return { ...review, status: { userInfo: userObject(user) } };
}

function userObject(user: UserInfo): object {
  return {
    username: user.username,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: user.groups,
    ...(user.extra && Object.keys(user.extra).length > 0 ? { extra: user.extra } : {}),
  };
}
