import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../machinery/index.ts';
import type { Authorizer, RequestInfo, UserInfo } from '../contracts.ts';
import { createAccess } from './access.ts';

const ann: UserInfo = { username: 'ann', groups: ['dev'] };
const pods: RequestInfo = {
  verb: 'list',
  path: '/api/v1/namespaces/y/pods',
  isResource: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'y',
  name: '',
};

function accessFor(user: UserInfo | undefined, authorizer: Authorizer) {
  const access = createAccess({ authenticate: async () => user }, authorizer);
  const identify = async (request: IncomingMessage) => access.impersonate(request, await access.authenticate(request));
  return { ...access, identify };
}

const nobody: Authorizer = { authorize: () => ({ allowed: false, reason: '' }) };

function asked(headersDistinct: Record<string, string[]>): IncomingMessage {
  return { headers: headersDistinct, headersDistinct } as unknown as IncomingMessage;
}

describe('permit', () => {
  it('words a refusal as kube-apiserver does', () => {
    const { permit } = accessFor(ann, nobody);
    const message = (info: Partial<RequestInfo>) => {
      try {
        permit(ann, { ...pods, ...info });
      } catch (error) {
        if (error instanceof ApiError && error.code === 403) return error.message;
        throw error;
      }
      return undefined;
    };
    expect(message({})).toBe(
      'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "y"',
    );
    expect(message({ verb: 'create', subresource: 'exec', name: 'web' })).toBe(
      'pods "web" is forbidden: User "ann" cannot create resource "pods/exec" in API group "" in the namespace "y"',
    );
    expect(message({ verb: 'get', group: 'apps', resource: 'deployments', name: 'web', namespace: '' })).toBe(
      'deployments.apps "web" is forbidden: User "ann" cannot get resource "deployments" in API group "apps" at the cluster scope',
    );
    expect(message({ isResource: false, verb: 'get', path: '/metrics' })).toBe(
      'forbidden: User "ann" cannot get path "/metrics"',
    );
  });

  it('adds what the authorizer has to say', () => {
    const { permit } = accessFor(ann, { authorize: () => ({ allowed: false, reason: 'Everything is forbidden.' }) });
    expect(() => permit(ann, pods)).toThrow(/in the namespace "y": Everything is forbidden\.$/);
  });
});

describe('identify', () => {
  it('wants credentials', async () => {
    await expect(accessFor(undefined, nobody).identify(asked({}))).rejects.toMatchObject({ code: 401 });
    await expect(accessFor(ann, nobody).identify(asked({}))).resolves.toEqual(ann);
  });

  it('acts as somebody else for whoever may impersonate every part of them', async () => {
    const wanted: string[] = [];
    const { identify } = accessFor(ann, {
      authorize(user, info) {
        expect(user).toEqual(ann);
        wanted.push([info.verb, info.group, info.resource, info.subresource, info.namespace, info.name].join('|'));
        return { allowed: true, reason: '' };
      },
    });
    const user = await identify(
      asked({
        'impersonate-user': ['bob'],
        'impersonate-group': ['a, b', 'c'],
        'impersonate-uid': ['7'],
        'impersonate-extra-scopes%2fx': ['view', 'edit'],
      }),
    );
    expect(user).toEqual({
      username: 'bob',
      uid: '7',
      groups: ['a, b', 'c', 'system:authenticated'],
      extra: { 'scopes/x': ['view', 'edit'] },
    });
    expect(wanted).toEqual([
      'impersonate||users|||bob',
      'impersonate||groups|||a, b',
      'impersonate||groups|||c',
      'impersonate|authentication.k8s.io|userextras|scopes/x||view',
      'impersonate|authentication.k8s.io|userextras|scopes/x||edit',
      'impersonate|authentication.k8s.io|uids|||7',
    ]);
  });

  it('gives service accounts and the anonymous their groups', async () => {
    const { identify } = accessFor(ann, { authorize: () => ({ allowed: true, reason: '' }) });
    const groupsOf = async (name: string) => (await identify(asked({ 'impersonate-user': [name] }))).groups;
    expect(await groupsOf('system:serviceaccount:team:robot')).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:team',
      'system:authenticated',
    ]);
    expect(await groupsOf('system:serviceaccount:Team:robot'), 'no name of an account').toEqual([
      'system:authenticated',
    ]);
    expect(await groupsOf('system:anonymous')).toEqual(['system:unauthenticated']);
  });

  it('refuses impersonation that is not allowed, or of nobody', async () => {
    const { identify } = accessFor(ann, nobody);
    await expect(identify(asked({ 'impersonate-user': ['bob'] }))).rejects.toThrow(
      'users "bob" is forbidden: User "ann" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
    await expect(identify(asked({ 'impersonate-group': ['system:masters'] }))).rejects.toMatchObject({ code: 500 });
    const onlyUsers = accessFor(ann, { authorize: (_, info) => ({ allowed: info.resource === 'users', reason: '' }) });
    const escalation = asked({ 'impersonate-user': ['bob'], 'impersonate-group': ['system:masters'] });
    await expect(onlyUsers.identify(escalation)).rejects.toMatchObject({ code: 403 });
    await expect(
      onlyUsers.identify(asked({ 'impersonate-user': ['bob'], 'impersonate-extra-__proto__': ['x'] })),
    ).rejects.toMatchObject({ code: 403 });
  });
});
