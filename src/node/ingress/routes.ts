import type { KubeObject } from '../../machinery/index.ts';

/** Where a matched request goes. */
export interface Route {
  namespace: string;
  service: string;
  port: { number?: number; name?: string } | undefined;
}

/** The rules of all Ingresses, ready to be asked. */
export interface RouteTable {
  /** Host names that have rules, sorted; '*' when some rule takes any host. */
  readonly hosts: readonly string[];
  /** 'NAMESPACE/NAME' of the Secret with the certificate of a host; '*' is for hosts that no Ingress names. */
  readonly secrets: ReadonlyMap<string, string>;
  /** The route for a host name (lower case, no port) and a path (as sent, without query). */
  find(host: string, path: string): Route | undefined;
  /** The same among the rules of one Ingress, whatever their hosts. */
  findIn(ingress: string, path: string): Route | undefined;
}

export interface IngressBackend {
  service?: { name: string; port?: { number?: number; name?: string } };
}

/** The parts of networking.k8s.io/v1 Ingress that are acted on. */
export interface IngressSpec {
  defaultBackend?: IngressBackend;
  tls?: { hosts?: string[]; secretName?: string }[];
  rules?: { host?: string; http?: { paths?: { path?: string; pathType?: string; backend: IngressBackend }[] } }[];
}

interface PathRule {
  exact: boolean;
  path: string;
  route: Route;
}

/**
 * Orders the rules as the Ingress specification says (networking.k8s.io/v1): an exact host before a wildcard before none,
 * the longest path first, Exact before Prefix. ImplementationSpecific is taken as Prefix. Of equal rules the older Ingress
 * wins.
 */
export function buildRoutes(ingresses: readonly KubeObject[]): RouteTable {
  const hosts = new Map<string, PathRule[]>();
  const byName = new Map<string, PathRule[]>();
  const defaults: Route[] = [];
  const ordered = ingresses.toSorted(olderFirst);
  for (const ingress of ordered) {
    const spec = (ingress.spec ?? {}) as IngressSpec;
    const namespace = ingress.metadata.namespace ?? '';
    const fallback = routeOf(namespace, spec.defaultBackend);
    if (fallback) defaults.push(fallback);
    const own: PathRule[] = fallback ? [{ exact: false, path: '/', route: fallback }] : [];
    for (const rule of spec.rules ?? []) {
      const paths = pathRules(namespace, rule);
      own.push(...paths);
      const host = (rule.host || '*').toLowerCase();
      hosts.set(host, [...(hosts.get(host) ?? []), ...paths]);
    }
    const { name } = ingress.metadata;
    // A name is only an address while it means one Ingress.
    byName.set(name, byName.has(name) ? [] : own);
  }
  for (const rules of [...hosts.values(), ...byName.values()]) rules.sort(mostSpecificFirst);
  return {
    hosts: [...hosts.keys()].sort(),
    secrets: secretsOf(ordered),
    find(host, path) {
      for (const candidate of [host, wildcardOf(host), '*']) {
        const route = match(hosts.get(candidate), path);
        if (route) return route;
      }
      return defaults[0];
    },
    findIn: (ingress, path) => match(byName.get(ingress), path),
  };
}

function secretsOf(ingresses: readonly KubeObject[]): Map<string, string> {
  const secrets = new Map<string, string>();
  for (const { metadata, spec } of ingresses) {
    for (const { hosts = [], secretName } of (spec as IngressSpec | undefined)?.tls ?? []) {
      const names = hosts.length > 0 ? hosts.map((host) => host.toLowerCase()) : ['*'];
      for (const host of names)
        if (secretName && !secrets.has(host)) secrets.set(host, `${metadata.namespace}/${secretName}`);
    }
  }
  return secrets;
}

function olderFirst(a: KubeObject, b: KubeObject): number {
  const text = (object: KubeObject) =>
    `${object.metadata.creationTimestamp} ${object.metadata.namespace}/${object.metadata.name}`;
  return text(a) < text(b) ? -1 : 1;
}

function pathRules(namespace: string, rule: NonNullable<IngressSpec['rules']>[number]): PathRule[] {
  return (rule.http?.paths ?? []).flatMap((path) => {
    const route = routeOf(namespace, path.backend);
    return route ? [{ exact: path.pathType === 'Exact', path: path.path || '/', route }] : [];
  });
}

function routeOf(namespace: string, backend: IngressBackend | undefined): Route | undefined {
  return backend?.service && { namespace, service: backend.service.name, port: backend.service.port };
}

function mostSpecificFirst(a: PathRule, b: PathRule): number {
  return b.path.length - a.path.length || Number(b.exact) - Number(a.exact);
}

/** '*.example.org' for 'app.example.org': a wildcard stands for exactly one label. */
function wildcardOf(host: string): string {
  const dot = host.indexOf('.');
  return dot < 0 ? '' : `*${host.slice(dot)}`;
}

function match(rules: readonly PathRule[] | undefined, path: string): Route | undefined {
  return rules?.find((rule) => (rule.exact ? path === rule.path : hasPrefix(path, rule.path)))?.route;
}

/** Prefix by whole elements: /foo fits /foo and /foo/bar, not /foobar. */
function hasPrefix(path: string, prefix: string): boolean {
  const base = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
  return path === base || path.startsWith(`${base}/`);
}
