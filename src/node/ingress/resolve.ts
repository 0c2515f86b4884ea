import type { IncomingMessage } from 'node:http';
import type { Backends, Target } from '../proxy/backends.ts';
import type { Route, RouteTable } from './routes.ts';

/** Why a request cannot be passed on, as it is told to the client. */
export interface Refusal {
  code: number;
  text: string;
}

/** The endpoints that a request may go to, or why there are none. */
export function resolveRequest(request: IncomingMessage, table: RouteTable, backends: Backends): Target[] | Refusal {
  const host = hostOf(request);
  const path = pathOf(request.url ?? '/');
  if (path === undefined) return { code: 400, text: 'the request names no path' };
  const route = byLocalName(host, path, table, backends) ?? table.find(host, path);
  if (!route) return { code: 404, text: unknownHost(host, path, table) };
  const name = `${route.namespace}/${route.service}`;
  const service = backends.service(route.namespace, route.service);
  if (!service) return { code: 503, text: `${host}${path} belongs to Service ${name}, which does not exist` };
  const port = backends.portOf(service, route.port);
  if (!port)
    return {
      code: 503,
      text: `${host}${path} belongs to port ${route.port?.name ?? route.port?.number} of Service ${name}, which has no such TCP port`,
    };
  // It could name this machine's own loopback, and anybody may write one.
  if (service.spec?.['type'] === 'ExternalName')
    return { code: 503, text: `Service ${name} is of type ExternalName, which is not followed from here` };
  const targets = backends.targets(service, port);
  if (targets.length > 0) return targets;
  return {
    code: 503,
    text: `Service ${name} has no ready endpoints: "kubectl get pods -n ${route.namespace}" shows its pods, "homeport why service/${route.service} -n ${route.namespace}" the cause`,
  };
}

/** NAME.NAMESPACE.localhost and NAME.localhost, unless an Ingress has rules for exactly that host. */
function byLocalName(host: string, path: string, table: RouteTable, backends: Backends): Route | undefined {
  if (!host.endsWith('.localhost') || table.hosts.includes(host)) return undefined;
  const [name = '', namespace, more] = host.slice(0, -'.localhost'.length).split('.');
  if (more !== undefined) return undefined;
  if (namespace !== undefined)
    return backends.service(namespace, name) && { namespace, service: name, port: undefined };
  const ofIngress = table.findIn(name, path);
  if (ofIngress) return ofIngress;
  const [only, second] = backends.named(name);
  return only && !second ? { namespace: only.metadata.namespace ?? '', service: name, port: undefined } : undefined;
}

function hostOf(request: IncomingMessage): string {
  const host = (request.headers.host ?? '').toLowerCase();
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

/** The path of a request target; a proxy's absolute form names it after the host. */
function pathOf(target: string): string | undefined {
  const local = target.startsWith('/') ? target : URL.parse(target)?.pathname;
  return local?.split('?', 1)[0];
}

function unknownHost(host: string, path: string, table: RouteTable): string {
  const known =
    table.hosts.length === 0
      ? 'no Ingress is there yet'
      : `Ingresses are there for: ${table.hosts.slice(0, 100).join(', ')}`;
  return `nothing answers at ${JSON.stringify(host + path)}; ${known}; a Service answers at NAME.NAMESPACE.localhost`;
}
