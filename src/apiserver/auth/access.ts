import type { IncomingMessage } from 'node:http';
import { ApiError, dnsLabelErrors, dnsSubdomainErrors, forbidden } from '../../machinery/index.ts';
import type { Authenticator, Authorizer, RequestInfo, UserInfo } from '../contracts.ts';
import { unauthorized } from './unauthorized.ts';

/** The questions that every request must pass, in this order. */
export interface Access {
  /** Whose credentials came with the request. Throws ApiError 401 without valid ones. */
  authenticate(request: IncomingMessage): Promise<UserInfo>;
  /**
   * Whom the request acts as: the user, or somebody else whom they may impersonate. Throws ApiError 403 if they may not,
   * and 500 (as upstream has it) for an impersonation of nobody.
   */
  impersonate(request: IncomingMessage, user: UserInfo): UserInfo;
  /** Throws ApiError 403 for a request that is not allowed, worded as kube-apiserver words it. `noted` hears why, or why not. */
  permit(user: UserInfo, info: RequestInfo, noted?: Noted): void;
}

export type Noted = (decision: 'allow' | 'forbid', reason: string) => void;

export function createAccess(authenticator: Authenticator, authorizer: Authorizer): Access {
  const permit = (user: UserInfo, info: RequestInfo, noted?: Noted): void => {
    const { allowed, reason } = authorizer.authorize(user, info);
    noted?.(allowed ? 'allow' : 'forbid', reason);
    if (!allowed) throw denied(user, info, reason);
  };
  return {
    permit,
    async authenticate(request) {
      const user = await authenticator.authenticate(request);
      if (user === undefined) throw unauthorized();
      return user;
    },
    impersonate(request, user) {
      const wanted = impersonates(request) ? impersonation(request) : undefined;
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

const PREFIX = 'impersonate-';
const EXTRA_PREFIX = `${PREFIX}extra-`;

/** Hardly any request does: the headers of the others are not taken apart. */
function impersonates({ headers }: IncomingMessage): boolean {
  for (const name in headers) if (name.startsWith(PREFIX)) return true;
  return false;
}

/** What the Impersonate-* headers ask for; undefined without them. Several headers of one name stay apart. */
function impersonation({ headersDistinct: headers, url }: IncomingMessage): Impersonation | undefined {
  const username = headers['impersonate-user']?.[0] ?? '';
  const uid = headers['impersonate-uid']?.[0] ?? '';
  const groups = headers['impersonate-group'] ?? [];
  const extra: Record<string, string[]> = Object.create(null);
  for (const [name, values = []] of Object.entries(headers)) {
    if (name.startsWith(EXTRA_PREFIX)) extra[decodeExtraKey(name.slice(EXTRA_PREFIX.length))] = values;
  }
  const account = serviceAccountOf(username);
  const checks = [
    ...groups.map((group) => attributes('', 'groups', group)),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => attributes(AUTHENTICATION, 'userextras', value, { subresource: key })),
    ),
    ...(uid ? [attributes(AUTHENTICATION, 'uids', uid)] : []),
  ];
  if (username === '') {
    if (checks.length === 0) return undefined;
    const why = 'requested impersonation of groups, extra fields or a uid without impersonating a user';
    throw new ApiError(500, 'InternalError', `Internal Server Error: ${JSON.stringify(url)}: ${why}`);
  }
  const who = account
    ? attributes('', 'serviceaccounts', account.name, { namespace: account.namespace })
    : attributes('', 'users', username);
  return {
    user: { username, ...(uid ? { uid } : {}), groups: groupsOf(username, groups, account?.namespace), extra },
    checks: [who, ...checks],
  };
}

/** The account that a user name stands for: system:serviceaccount:NAMESPACE:NAME. */
function serviceAccountOf(username: string): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  if (namespace === undefined || name === undefined) return undefined;
  return dnsLabelErrors(namespace).length + dnsSubdomainErrors(name).length === 0 ? { namespace, name } : undefined;
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
  const groups =
    namespace !== undefined && asked.length === 0
      ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
      : [...asked];
  const has = (group: string) => groups.includes(group);
  if (username === 'system:anonymous') return has(STRANGERS) ? groups : [...groups, STRANGERS];
  return has(STRANGERS) || has(KNOWN) ? groups : [...groups, KNOWN];
}

const KNOWN = 'system:authenticated';
const STRANGERS = 'system:unauthenticated';
