import type { IncomingMessage } from 'node:http';
import { ApiError, badRequest, forbidden } from '../../machinery/index.ts';
import type { Authenticator, Authorizer, RequestInfo, UserInfo } from '../contracts.ts';
import { unauthorized } from './unauthorized.ts';

/** The two questions that every request must pass, in this order. */
export interface Access {
  /**
   * Who the request acts as, impersonation included. Throws ApiError 401 without valid credentials, 403 for an
   * impersonation that is not allowed, 400 for one that cannot be understood.
   */
  identify(request: IncomingMessage): Promise<UserInfo>;
  /** Throws ApiError 403, worded as kube-apiserver words it. */
  permit(user: UserInfo, info: RequestInfo): void;
}

export function createAccess(authenticator: Authenticator, authorizer: Authorizer): Access {
  const permit = (user: UserInfo, info: RequestInfo): void => {
    const decision = authorizer.authorize(user, info);
    if (!decision.allowed) throw denied(user, info, decision.reason);
  };
  return {
    permit,
    async identify(request) {
      const user = await authenticator.authenticate(request);
      if (user === undefined) throw unauthorized();
      const wanted = impersonation(request.headersDistinct);
      if (wanted === undefined) return user;
      for (const attributes of wanted.checks) permit(user, attributes);
      return wanted.user;
    },
  };
}

/** The 403 of a denied request: says who, what and where, then why if the authorizer has something to say. */
function denied(user: UserInfo, info: RequestInfo, reason: string): ApiError {
  const why = reason === '' ? '' : `: ${reason}`;
  const who = `User ${JSON.stringify(user.username)} cannot ${info.verb}`;
  if (!info.isResource) {
    return new ApiError(403, 'Forbidden', `forbidden: ${who} path ${JSON.stringify(info.path)}${why}`, {});
  }
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`;
  const where = info.namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(info.namespace)}`;
  return forbidden(
    info,
    info.name,
    `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(info.group)} ${where}${why}`,
  );
}

interface Impersonation {
  user: UserInfo;
  /** What the real user must be allowed to do. */
  checks: RequestInfo[];
}

const EXTRA_PREFIX = 'impersonate-extra-';

/** What the Impersonate-* headers ask for; undefined without them. Several headers of one name stay apart. */
function impersonation(headers: NodeJS.Dict<string[]>): Impersonation | undefined {
  const username = headers['impersonate-user']?.[0] ?? '';
  const uid = headers['impersonate-uid']?.[0] ?? '';
  const groups = headers['impersonate-group'] ?? [];
  const extra: Record<string, string[]> = Object.create(null);
  for (const [name, values = []] of Object.entries(headers)) {
    if (name.startsWith(EXTRA_PREFIX)) extra[decodeExtraKey(name.slice(EXTRA_PREFIX.length))] = values;
  }
  if (username === '') {
    if (uid === '' && groups.length === 0 && Object.keys(extra).length === 0) return undefined;
    throw badRequest('requested impersonation without impersonating a user: send Impersonate-User as well');
  }

  const [, namespace, account = ''] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  const checks = [
    namespace === undefined
      ? attributes('', 'users', username)
      : attributes('', 'serviceaccounts', account, { namespace }),
    ...groups.map((group) => attributes('', 'groups', group)),
    ...(uid ? [attributes(AUTHENTICATION, 'uids', uid)] : []),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => attributes(AUTHENTICATION, 'userextras', value, { subresource: key })),
    ),
  ];
  return {
    user: { username, ...(uid ? { uid } : {}), groups: groupsOf(username, groups, namespace), extra },
    checks,
  };
}

/** The keys of extra fields are percent-encoded, since header names allow only some characters. */
function decodeExtraKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch (error) {
    if (error instanceof URIError) return key;
    throw error;
  }
}

const AUTHENTICATION = 'authentication.k8s.io';

function attributes(
  group: string,
  resource: string,
  name: string,
  more: { namespace?: string; subresource?: string } = {},
): RequestInfo {
  const { namespace = '', subresource = '' } = more;
  return {
    verb: 'impersonate',
    path: '',
    isResource: true,
    group,
    version: 'v1',
    resource,
    subresource,
    namespace,
    name,
  };
}

/** The groups that authentication would have added, had the impersonated user come in person. */
function groupsOf(username: string, asked: readonly string[], namespace: string | undefined): string[] {
  const groups = new Set(asked);
  if (namespace !== undefined && asked.length === 0) {
    groups.add('system:serviceaccounts').add(`system:serviceaccounts:${namespace}`);
  }
  if (username === 'system:anonymous') groups.add('system:unauthenticated');
  else if (!groups.has('system:unauthenticated')) groups.add('system:authenticated');
  return [...groups];
}
