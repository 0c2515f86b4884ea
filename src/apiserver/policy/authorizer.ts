import type { CelFunctions } from '../../machinery/index.ts';
import type { Authorizer, Decision, RequestInfo, UserInfo } from '../contracts.ts';

const PREFIX = 'kubernetes.authorization';

/** What `authorizer` is in expressions: the authorizer, asked on behalf of somebody (apiserver's cel/library/authz.go). */
export class CelAuthorizer {
  static readonly celType = `${PREFIX}.Authorizer`;
  readonly authorizer: Authorizer;
  readonly user: UserInfo;
  constructor(authorizer: Authorizer, user: UserInfo) {
    this.authorizer = authorizer;
    this.user = user;
  }
}

/** A question in the making: which path or resource, and later which verb. */
class Check {
  readonly by: CelAuthorizer;
  readonly attributes: Partial<RequestInfo>;
  constructor(by: CelAuthorizer, attributes: Partial<RequestInfo>) {
    this.by = by;
    this.attributes = attributes;
  }
}
class PathCheck extends Check {
  static readonly celType = `${PREFIX}.PathCheck`;
}
class GroupCheck extends Check {
  static readonly celType = `${PREFIX}.GroupCheck`;
}
export class ResourceCheck extends Check {
  static readonly celType = `${PREFIX}.ResourceCheck`;
}

class CelDecision {
  static readonly celType = `${PREFIX}.Decision`;
  readonly decision: Decision;
  constructor(decision: Decision) {
    this.decision = decision;
  }
}

function decide({ by, attributes }: Check, verb: string, isResource: boolean): CelDecision {
  const nothing = { path: '', group: '', version: '*', resource: '', subresource: '', namespace: '', name: '' };
  return new CelDecision(by.authorizer.authorize(by.user, { ...nothing, ...attributes, verb, isResource }));
}

const narrowed = (check: ResourceCheck, attributes: Partial<RequestInfo>): ResourceCheck =>
  new ResourceCheck(check.by, { ...check.attributes, ...attributes });

/** The functions of `authorizer` and of what they give. */
export const authorizerFunctions: CelFunctions = {
  [`(${PREFIX}.Authorizer).path(string): ${PREFIX}.PathCheck`]: (by: CelAuthorizer, path: string) => {
    if (path.trim() === '') throw new Error('path must not be empty');
    return new PathCheck(by, { path });
  },
  [`(${PREFIX}.PathCheck).check(string): ${PREFIX}.Decision`]: (check: PathCheck, verb: string) =>
    decide(check, verb, false),
  [`(${PREFIX}.Authorizer).group(string): ${PREFIX}.GroupCheck`]: (by: CelAuthorizer, group: string) =>
    new GroupCheck(by, { group }),
  [`(${PREFIX}.Authorizer).serviceAccount(string, string): ${PREFIX}.Authorizer`]: (
    { authorizer }: CelAuthorizer,
    namespace: string,
    name: string,
  ) => {
    const username = `system:serviceaccount:${namespace}:${name}`;
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    return new CelAuthorizer(authorizer, { username, groups });
  },
  [`(${PREFIX}.GroupCheck).resource(string): ${PREFIX}.ResourceCheck`]: (check: GroupCheck, resource: string) => {
    if (resource.trim() === '') throw new Error('resource must not be empty');
    return new ResourceCheck(check.by, { ...check.attributes, resource });
  },
  [`(${PREFIX}.ResourceCheck).subresource(string): ${PREFIX}.ResourceCheck`]: (
    check: ResourceCheck,
    subresource: string,
  ) => narrowed(check, { subresource }),
  [`(${PREFIX}.ResourceCheck).namespace(string): ${PREFIX}.ResourceCheck`]: (check: ResourceCheck, namespace: string) =>
    narrowed(check, { namespace }),
  [`(${PREFIX}.ResourceCheck).name(string): ${PREFIX}.ResourceCheck`]: (check: ResourceCheck, name: string) =>
    narrowed(check, { name }),
  // Authorization here knows no selectors: whoever may do it to all may do it to some.
  [`(${PREFIX}.ResourceCheck).fieldSelector(string): ${PREFIX}.ResourceCheck`]: (check: ResourceCheck, _: string) =>
    check,
  [`(${PREFIX}.ResourceCheck).labelSelector(string): ${PREFIX}.ResourceCheck`]: (check: ResourceCheck, _: string) =>
    check,
  [`(${PREFIX}.ResourceCheck).check(string): ${PREFIX}.Decision`]: (check: ResourceCheck, verb: string) =>
    decide(check, verb, true),
  [`(${PREFIX}.Decision).allowed(): bool`]: ({ decision }: CelDecision) => decision.allowed,
  [`(${PREFIX}.Decision).reason(): string`]: ({ decision }: CelDecision) => decision.reason,
  [`(${PREFIX}.Decision).errored(): bool`]: () => false,
  [`(${PREFIX}.Decision).error(): string`]: () => '',
};
