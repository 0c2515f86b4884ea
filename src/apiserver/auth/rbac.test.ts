import { describe, expect, it } from 'vitest';
import { type KubeObject, keyOf } from '../../machinery/index.ts';
import type { ObjectReader, RequestInfo, UserInfo } from '../contracts.ts';
import { createAuthorizer } from './authorize.ts';
import { bootstrapRbac } from './bootstrap/rbac.ts';
import type { PolicyRule } from './policy-rule.ts';

const GROUP = 'rbac.authorization.k8s.io';
const RESOURCE_OF: Record<string, string> = {
  Role: 'roles',
  ClusterRole: 'clusterroles',
  RoleBinding: 'rolebindings',
  ClusterRoleBinding: 'clusterrolebindings',
};

/** A store of roles and bindings that tells its listener of each change. */
function policies(...initial: KubeObject[]) {
  const objects = new Map<string, KubeObject>();
  const listeners = new Map<string, (object: KubeObject, deleted: boolean) => void>();
  const reader: ObjectReader = {
    get: () => undefined,
    list: ({ resource }) => [...objects.values()].filter((object) => RESOURCE_OF[object.kind] === resource),
    subscribe({ resource }, listener) {
      listeners.set(resource, listener);
      return () => listeners.delete(resource);
    },
  };
  const put = (object: KubeObject, deleted = false) => {
    const key = `${object.kind} ${keyOf(object)}`;
    if (deleted) objects.delete(key);
    else objects.set(key, object);
    listeners.get(RESOURCE_OF[object.kind] ?? '')?.(object, deleted);
  };
  for (const object of initial) put(object);
  return { reader, put };
}

const object = (kind: string, name: string, namespace: string | undefined, more: object): KubeObject => ({
  apiVersion: `${GROUP}/v1`,
  kind,
  metadata: { name, ...(namespace ? { namespace } : {}) },
  ...more,
});
const role = (name: string, namespace: string, ...rules: PolicyRule[]) => object('Role', name, namespace, { rules });
const clusterRole = (name: string, ...rules: PolicyRule[]) => object('ClusterRole', name, undefined, { rules });
const subject = (text: string) => {
  const [kind, name = '', namespace] = text.split(' ');
  return { kind, name, ...(namespace ? { namespace } : {}) };
};
const binding = (name: string, namespace: string, to: string, ...subjects: string[]) =>
  object('RoleBinding', name, namespace, {
    roleRef: { ...subject(to), apiGroup: GROUP },
    subjects: subjects.map(subject),
  });
const clusterBinding = (name: string, to: string, ...subjects: string[]) =>
  object('ClusterRoleBinding', name, undefined, {
    roleRef: { kind: 'ClusterRole', name: to, apiGroup: GROUP },
    subjects: subjects.map(subject),
  });

const user = (username: string, ...groups: string[]): UserInfo => ({ username, groups });
const ann = user('ann', 'dev', 'system:authenticated');

/** 'get pods/log web in team' or 'list nodes' or 'get deployments.apps' as a request. */
function ask(text: string): RequestInfo {
  const [what = '', namespace = ''] = text.split(' in ');
  const [verb = '', target = '', name = ''] = what.split(' ');
  const [qualified = '', subresource = ''] = target.split('/');
  const [resource = '', ...group] = qualified.split('.');
  return {
    verb,
    path: '',
    isResource: true,
    group: group.join('.'),
    version: 'v1',
    resource,
    subresource,
    namespace,
    name,
  };
}
const askPath = (path: string, verb = 'get'): RequestInfo => ({ ...ask(''), verb, path, isResource: false });

const pods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

describe('RBAC', () => {
  it('allows what a binding to the user, a group or a service account allows, where it allows it', () => {
    const { reader } = policies(
      role('reader', 'team', pods),
      clusterRole('nodes', { verbs: ['*'], apiGroups: ['*'], resources: ['nodes'] }),
      binding('a', 'team', 'Role reader', 'User ann', 'ServiceAccount robot', 'ServiceAccount other home'),
      clusterBinding('b', 'nodes', 'Group ops'),
    );
    const { authorize } = createAuthorizer('RBAC', reader);
    const may = (who: UserInfo, what: string) => authorize(who, ask(what)).allowed;
    expect(may(ann, 'get pods web in team')).toBe(true);
    expect(may(ann, 'delete pods web in team')).toBe(false);
    expect(may(ann, 'get pods web in other')).toBe(false);
    expect(may(ann, 'list pods')).toBe(false);
    expect(may(ann, 'get pods/log web in team')).toBe(false);
    expect(may(ann, 'get pods.metrics.k8s.io web in team')).toBe(false);
    expect(may(user('system:serviceaccount:team:robot'), 'list pods in team')).toBe(true);
    expect(may(user('system:serviceaccount:home:other'), 'list pods in team')).toBe(true);
    expect(may(user('system:serviceaccount:home:robot'), 'list pods in team')).toBe(false);
    expect(may(user('x', 'ops'), 'delete nodes n')).toBe(true);
    expect(may(user('ops'), 'delete nodes n')).toBe(false);
    expect(may(user('root', 'system:masters'), 'delete anything at all')).toBe(true);
  });

  it('tells resources, subresources and names apart', () => {
    const { reader } = policies(
      clusterRole(
        'mixed',
        { verbs: ['get'], apiGroups: [''], resources: ['pods/log', '*/status'] },
        { verbs: ['update'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] },
      ),
      clusterBinding('b', 'mixed', 'User ann'),
    );
    const { authorize } = createAuthorizer('RBAC', reader);
    const may = (what: string) => authorize(ann, ask(what)).allowed;
    expect(may('get pods/log p in team')).toBe(true);
    expect(may('get pods p in team')).toBe(false);
    expect(may('get services/status s in team')).toBe(true);
    expect(may('get services s in team')).toBe(false);
    expect(may('update configmaps mine in team')).toBe(true);
    expect(may('update configmaps yours in team')).toBe(false);
    expect(may('update configmaps')).toBe(false);
  });

  it('matches paths as they are written, with a star only at their end', () => {
    const { reader } = policies(
      clusterRole('paths', { verbs: ['get'], nonResourceURLs: ['/healthz', '/docs/*', '/a*b'] }),
      clusterBinding('b', 'paths', 'User ann'),
    );
    const { authorize } = createAuthorizer('RBAC', reader);
    const may = (path: string, verb = 'get') => authorize(ann, askPath(path, verb)).allowed;
    expect(may('/healthz')).toBe(true);
    expect(may('/docs/')).toBe(true);
    expect(may('/docs/a/b')).toBe(true);
    expect(may('/healthz', 'post')).toBe(false);
    for (const path of ['/docs', '/docs%2fa', '/DOCS/a', '/healthz/', '/healthz/../docs/', '//docs/a', '/aXb', '']) {
      expect(may(path), path).toBe(false);
    }
    expect(authorize(ann, { ...ask('get healthz'), path: '/healthz' }).allowed).toBe(false);
  });

  it('follows every change of roles and bindings', () => {
    const { reader, put } = policies();
    const { authorize, stop } = createAuthorizer('RBAC', reader);
    const may = () => authorize(ann, ask('list pods in team')).allowed;
    expect(may()).toBe(false);
    put(binding('a', 'team', 'Role reader', 'User ann'));
    expect(authorize(ann, ask('list pods in team')).reason).toBe(
      'RBAC: role.rbac.authorization.k8s.io "reader" not found',
    );
    put(role('reader', 'team', pods));
    expect(may()).toBe(true);
    put(binding('a', 'team', 'Role reader', 'User bob'));
    expect(may()).toBe(false);
    put(binding('a', 'team', 'Role reader', 'Group dev'));
    expect(may()).toBe(true);
    put(role('reader', 'team'), true);
    expect(may()).toBe(false);
    put(role('reader', 'team', pods));
    put(binding('a', 'team', 'Role reader', 'Group dev'), true);
    expect(may()).toBe(false);
    stop();
    put(binding('a', 'team', 'Role reader', 'Group dev'));
    expect(may()).toBe(false);
  });

  it('gathers aggregated roles by label, through others, in circles, and past selectors that make no sense', () => {
    const labelled = (name: string, label: string, more: object): KubeObject => ({
      ...object('ClusterRole', name, undefined, more),
      metadata: { name, labels: { [label]: 'true' } },
    });
    const gathers = (...labels: string[]) => ({
      aggregationRule: { clusterRoleSelectors: labels.map((label) => ({ matchLabels: { [label]: 'true' } })) },
    });
    const { reader, put } = policies(
      labelled('top', 'x', { ...gathers('y'), rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }] }),
      labelled('middle', 'y', gathers('x', 'z')),
      labelled('bad', 'y', {
        aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Nope' }] }, null, 7] },
      }),
      clusterBinding('b', 'top', 'User ann'),
    );
    const { authorize } = createAuthorizer('RBAC', reader);
    const may = () => authorize(ann, ask('list pods in team')).allowed;
    expect(may(), 'own rules of an aggregated role do not count').toBe(false);
    put(labelled('leaf', 'z', { rules: [pods] }));
    expect(may()).toBe(true);
    put(labelled('leaf', 'elsewhere', { rules: [pods] }));
    expect(may()).toBe(false);
  });

  it('starts with the roles that kube-apiserver has', () => {
    const { reader } = policies(...bootstrapRbac(), binding('a', 'team', 'ClusterRole edit', 'User ann'));
    const { authorize } = createAuthorizer('RBAC', reader);
    const may = (what: string) => authorize(ann, ask(what)).allowed;
    expect(may('create deployments.apps in team')).toBe(true);
    expect(may('list pods in team'), 'edit contains view').toBe(true);
    expect(may('create pods/exec p in team')).toBe(true);
    expect(may('create rolebindings.rbac.authorization.k8s.io in team')).toBe(false);
    expect(may('create selfsubjectaccessreviews.authorization.k8s.io')).toBe(true);
    expect(authorize(ann, askPath('/openapi/v3')).allowed).toBe(true);
    expect(authorize(ann, askPath('/metrics')).allowed).toBe(false);
    const nobody = user('system:anonymous', 'system:unauthenticated');
    expect(authorize(nobody, askPath('/version')).allowed).toBe(true);
    expect(authorize(nobody, askPath('/api')).allowed).toBe(false);
    const names = bootstrapRbac().map((each) => `${each.kind} ${each.metadata.namespace} ${each.metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('--authorization-mode', () => {
  const { reader } = policies();
  it('takes the modes that exist here, and several', () => {
    expect(createAuthorizer('AlwaysAllow', reader).authorize(ann, ask('list pods')).allowed).toBe(true);
    expect(createAuthorizer('RBAC,AlwaysAllow', reader).authorize(ann, ask('list pods')).allowed).toBe(true);
    expect(createAuthorizer('AlwaysDeny', reader).authorize(ann, ask('list pods'))).toEqual({
      allowed: false,
      reason: 'Everything is forbidden.',
    });
  });

  it('says plainly what is not supported', () => {
    expect(() => createAuthorizer('Node,RBAC', reader)).toThrow(/Node is not supported/);
    expect(() => createAuthorizer('rbac', reader)).toThrow(/"rbac" is not a mode/);
    expect(() => createAuthorizer('RBAC,RBAC', reader)).toThrow(/more than once/);
  });
});

describe('checkEscalation', () => {
  const managed = policies(
    ...bootstrapRbac(),
    binding('a', 'team', 'ClusterRole admin', 'User ann'),
    clusterRole('binder', {
      verbs: ['bind'],
      apiGroups: [GROUP],
      resources: ['clusterroles'],
      resourceNames: ['view'],
    }),
    clusterRole('escalator', { verbs: ['escalate'], apiGroups: [GROUP], resources: ['roles'] }),
    binding('b', 'team', 'ClusterRole binder', 'User bob'),
    binding('e', 'team', 'ClusterRole escalator', 'User eve'),
  );
  const authorizer = createAuthorizer('RBAC', managed.reader);
  const write = (who: UserInfo, what: KubeObject, old?: KubeObject) => () => authorizer.checkEscalation(who, what, old);
  const secrets: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['nodes'] };

  it('refuses permissions that the user does not have, and lists them as kube-apiserver does', () => {
    expect(write(ann, role('r', 'team', pods))).not.toThrow();
    expect(write(ann, role('r', 'team', pods, secrets))).toThrow(
      'roles.rbac.authorization.k8s.io "r" is forbidden: user "ann" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}',
    );
    expect(write(ann, role('r', 'other', pods))).toThrow(/not currently held/);
    expect(write(ann, clusterRole('r', pods))).toThrow(/not currently held/);
    expect(write(user('root', 'system:masters'), clusterRole('r', secrets))).not.toThrow();
  });

  it('does not let wildcards or missing names stand for less than they are', () => {
    const grant = (rule: Partial<PolicyRule>) => write(ann, role('r', 'team', { ...pods, ...rule }));
    expect(grant({ verbs: ['*'] })).toThrow(/Verbs:\["\*"\]/);
    expect(grant({ resources: ['*'] })).toThrow(/not currently held/);
    expect(grant({ apiGroups: ['*'] })).toThrow(/not currently held/);
    expect(grant({ resourceNames: ['one'] })).not.toThrow();
    const named = policies(
      role('one', 'team', { ...pods, resourceNames: ['one'] }),
      binding('a', 'team', 'Role one', 'User ann'),
    );
    const limited = createAuthorizer('RBAC', named.reader);
    expect(() => limited.checkEscalation(ann, role('r', 'team', pods), undefined)).toThrow(/not currently held/);
    const both: PolicyRule = { ...pods, resourceNames: ['one', 'two'] };
    expect(() => limited.checkEscalation(ann, role('r', 'team', both), undefined)).toThrow(/ResourceNames:\["two"\]/);
  });

  it('gives up on a role with more permissions than can be counted', () => {
    const many = (prefix: string) => Array.from({ length: 400 }, (_, index) => `${prefix}${index}`);
    const bomb: PolicyRule = { verbs: many('v'), apiGroups: many('g'), resources: many('r'), resourceNames: many('n') };
    expect(write(ann, role('r', 'team', bomb))).toThrow(/too many to list/);
  });

  it('guards bindings likewise, but for the verb bind', () => {
    expect(write(ann, binding('x', 'team', 'ClusterRole view', 'User eve'))).not.toThrow();
    expect(write(ann, binding('x', 'team', 'ClusterRole cluster-admin', 'User eve'))).toThrow(/not currently held/);
    expect(write(ann, clusterBinding('x', 'view', 'User eve'))).toThrow(/not currently held/);
    expect(write(ann, binding('x', 'team', 'Role none', 'User eve'))).toThrow(
      'roles.rbac.authorization.k8s.io "none" not found',
    );
    const bob = user('bob');
    expect(write(bob, binding('x', 'team', 'ClusterRole view', 'User eve'))).not.toThrow();
    expect(write(bob, binding('x', 'team', 'ClusterRole edit', 'User eve'))).toThrow(/not currently held/);
    expect(write(user('eve'), role('r', 'team', secrets))).not.toThrow();
    expect(write(user('eve'), binding('x', 'team', 'ClusterRole view', 'User eve'))).toThrow(/not currently held/);
  });

  it('lets garbage collection fields change, and keeps aggregation for administrators', () => {
    const old = role('r', 'team', secrets);
    const released = { ...old, metadata: { ...old.metadata, finalizers: [], resourceVersion: '7' } };
    expect(write(ann, released, old)).not.toThrow();
    expect(write(ann, { ...old, rules: [secrets, pods] }, old)).toThrow(/not currently held/);
    const gathering = { ...clusterRole('r'), aggregationRule: { clusterRoleSelectors: [{}] } };
    expect(write(ann, gathering)).toThrow('must have cluster-admin privileges to use the aggregationRule');
    expect(write(ann, clusterRole('r'), gathering)).toThrow(/must have cluster-admin privileges/);
  });
});
