import {
  ApiError,
  type KubeObject,
  keyOf,
  type LabelSelector,
  type LabelSelectorSpec,
  labelSelectorOf,
  objectKey,
} from '../../machinery/index.ts';
import type { Decision, ObjectReader, RequestInfo, UserInfo } from '../contracts.ts';
import { fieldsOf, textOf } from './fields.ts';
import { type PolicyRule, ruleAllows, rulesOf } from './policy-rule.ts';

/** Role-based access control over the live roles and bindings (rbac.authorization.k8s.io/v1). */
export interface Rbac {
  authorize(user: UserInfo, request: RequestInfo): Decision;
  rulesFor(user: UserInfo, namespace: string): PolicyRule[];
  /** Which roles of the user's bindings do not exist, in words; '' if all do. */
  missingRoles(user: UserInfo, namespace: string): string;
  /** The rules that a binding in the namespace hands out; undefined if there is no such role. */
  rulesOfRole(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined;
  stop(): void;
}

export interface RoleRef {
  kind: string;
  name: string;
}

interface ClusterRole {
  labels: Record<string, string>;
  rules: readonly PolicyRule[];
  /** What an aggregated role gathers; its own rules do not count then. */
  selectors: readonly LabelSelector[];
}

interface Grant {
  role: RoleRef;
  /** 'ClusterRoleBinding "x"', for the reason of a decision. */
  source: string;
  /** 'Group "y"', as the binding names whom it is for. */
  to: string;
}

/** Which bindings name a subject. */
type Bindings = Map<string, Map<string, Grant>>;

const GROUP = 'rbac.authorization.k8s.io';

export function createRbac(reader: ObjectReader): Rbac {
  const roles = new Map<string, readonly PolicyRule[]>();
  const clusterRoles = createClusterRoles();
  const clusterBindings = createBindings();
  const bindings = new Map<string, ReturnType<typeof createBindings>>();

  const bindingsIn = (namespace: string) => {
    const known = bindings.get(namespace);
    if (known) return known;
    const created = createBindings();
    bindings.set(namespace, created);
    return created;
  };

  const stops = [
    follow(reader, 'roles', (role, deleted) => {
      if (deleted) roles.delete(keyOf(role));
      else roles.set(keyOf(role), rulesOf(role));
    }),
    follow(reader, 'clusterroles', (role, deleted) => clusterRoles.set(role, deleted)),
    follow(reader, 'clusterrolebindings', (binding, deleted) => clusterBindings.set(binding, deleted)),
    follow(reader, 'rolebindings', (binding, deleted) => {
      const namespace = binding.metadata.namespace ?? '';
      const inNamespace = bindingsIn(namespace);
      inNamespace.set(binding, deleted);
      if (inNamespace.isEmpty()) bindings.delete(namespace);
    }),
  ];

  const rulesOfRole = (role: RoleRef, namespace: string) =>
    role.kind === 'Role' ? roles.get(objectKey(role.name, namespace)) : clusterRoles.rulesOf(role.name);

  function* grantsOf(user: UserInfo, namespace: string): Generator<Grant> {
    yield* clusterBindings.of(user);
    if (namespace !== '') yield* bindings.get(namespace)?.of(user) ?? [];
  }

  return {
    rulesOfRole,
    rulesFor(user, namespace) {
      return [...grantsOf(user, namespace)].flatMap((grant) => rulesOfRole(grant.role, namespace) ?? []);
    },
    missingRoles(user, namespace) {
      const grants = [...grantsOf(user, namespace)];
      return inWords(grants.filter((grant) => rulesOfRole(grant.role, namespace) === undefined));
    },
    authorize(user, request) {
      const missing: Grant[] = [];
      for (const grant of grantsOf(user, request.namespace)) {
        const rules = rulesOfRole(grant.role, request.namespace);
        if (rules === undefined) missing.push(grant);
        else if (rules.some((rule) => ruleAllows(rule, request))) {
          return {
            allowed: true,
            reason: `RBAC: allowed by ${grant.source} of ${grant.role.kind} "${grant.role.name}" to ${grant.to}`,
          };
        }
      }
      const errors = inWords(missing);
      return { allowed: false, reason: errors && `RBAC: ${errors}` };
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** The roles that bindings name and nobody has made. */
function inWords(grants: readonly Grant[]): string {
  const errors = [...new Set(grants.map(({ role }) => `${role.kind.toLowerCase()}.${GROUP} "${role.name}" not found`))];
  return errors.length > 1 ? `[${errors.join(', ')}]` : errors.join('');
}

function follow(reader: ObjectReader, resource: string, set: (object: KubeObject, deleted: boolean) => void) {
  const of = { group: GROUP, resource };
  const stop = reader.subscribe(of, set);
  for (const object of reader.list(of)) set(object, false);
  return stop;
}

/** ClusterRoles, with the aggregated ones resolved when they are first asked for after a change. */
function createClusterRoles() {
  const all = new Map<string, ClusterRole>();
  const aggregated = new Map<string, readonly PolicyRule[]>();

  /** The rules of every role that can be reached through selectors, each role once: selectors may go round in circles. */
  function gather(start: string): PolicyRule[] {
    const seen = new Set([start]);
    const rules: PolicyRule[] = [];
    for (const name of seen) {
      const role = all.get(name);
      if (role === undefined) continue;
      if (role.selectors.length === 0) rules.push(...role.rules);
      for (const [other, candidate] of all) {
        if (role.selectors.some((selector) => selector.matches(candidate.labels))) seen.add(other);
      }
    }
    return rules;
  }

  return {
    set(object: KubeObject, deleted: boolean): void {
      aggregated.clear();
      const { name, labels = {} } = object.metadata;
      if (deleted) all.delete(name);
      else all.set(name, { labels, rules: rulesOf(object), selectors: aggregationSelectors(object).map(selectorOf) });
    },
    rulesOf(name: string): readonly PolicyRule[] | undefined {
      const role = all.get(name);
      if (role === undefined || role.selectors.length === 0) return role?.rules;
      const known = aggregated.get(name);
      if (known) return known;
      const rules = gather(name);
      aggregated.set(name, rules);
      return rules;
    },
  };
}

/** A selector that nobody can read selects nothing: the other roles must go on working. */
function selectorOf(spec: LabelSelectorSpec): LabelSelector {
  try {
    return labelSelectorOf(spec);
  } catch (error) {
    if (error instanceof ApiError) return labelSelectorOf(undefined);
    throw error;
  }
}

/** The label selectors of a ClusterRole that takes its rules from others. */
export function aggregationSelectors(role: KubeObject): LabelSelectorSpec[] {
  const selectors = fieldsOf(role['aggregationRule'])['clusterRoleSelectors'];
  // An empty selector selects everything, so what is no selector must not become one.
  return Array.isArray(selectors) ? selectors.filter((each) => typeof each === 'object' && each !== null) : [];
}

/** The role that a RoleBinding or ClusterRoleBinding refers to. */
export function roleRefOf(binding: KubeObject): RoleRef {
  const { kind, name } = fieldsOf(binding['roleRef']);
  return { kind: textOf(kind), name: textOf(name) };
}

/** Bindings by whom they name. */
function createBindings() {
  const bySubject: Bindings = new Map();
  const subjectsOfBinding = new Map<string, string[]>();

  function remove(key: string): void {
    for (const subject of subjectsOfBinding.get(key) ?? []) {
      const grants = bySubject.get(subject);
      grants?.delete(key);
      if (grants?.size === 0) bySubject.delete(subject);
    }
    subjectsOfBinding.delete(key);
  }

  return {
    isEmpty: () => subjectsOfBinding.size === 0,
    set(binding: KubeObject, deleted: boolean): void {
      const key = keyOf(binding);
      remove(key);
      if (deleted) return;
      const { name, namespace } = binding.metadata;
      const source = `${binding.kind} "${namespace ? `${name}/${namespace}` : name}"`;
      const subjects = subjectsOf(binding);
      subjectsOfBinding.set(
        key,
        subjects.map(({ subject }) => subject),
      );
      for (const { subject, to } of subjects) {
        const grant = { role: roleRefOf(binding), source, to };
        const grants = bySubject.get(subject);
        if (grants) grants.set(key, grant);
        else bySubject.set(subject, new Map([[key, grant]]));
      }
    },
    *of(user: UserInfo): Generator<Grant> {
      yield* bySubject.get(`User ${user.username}`)?.values() ?? [];
      for (const group of user.groups) yield* bySubject.get(`Group ${group}`)?.values() ?? [];
    },
  };
}

/** Whom a binding names: as the key that users are found by, and in words. */
function subjectsOf(binding: KubeObject): { subject: string; to: string }[] {
  const subjects = Array.isArray(binding['subjects']) ? binding['subjects'].map(fieldsOf) : [];
  return subjects.flatMap(({ kind, name, namespace }) => {
    if (kind === 'ServiceAccount') {
      const home = namespace || binding.metadata.namespace || '';
      return [{ subject: `User system:serviceaccount:${home}:${name}`, to: `ServiceAccount "${name}/${home}"` }];
    }
    return kind === 'User' || kind === 'Group' ? [{ subject: `${kind} ${name}`, to: `${kind} "${name}"` }] : [];
  });
}
