import type { KubeObject } from '../../machinery/index.ts';
import {
  AGE,
  ageOf,
  column,
  firstThree,
  formatLabels,
  formatSelector,
  joinedOrNone,
  NAME,
  NONE,
  table,
  wideColumn,
} from './table.ts';

interface LoadBalancer {
  loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] };
}
interface ServiceSpec {
  type?: string;
  clusterIP?: string;
  clusterIPs?: string[];
  externalIPs?: string[];
  externalName?: string;
  selector?: Record<string, string>;
  ports?: { port: number; nodePort?: number; protocol?: string }[];
}

export const servicePrinter = table<KubeObject<ServiceSpec, LoadBalancer>>(
  [
    NAME,
    column('Type', 'How the service is reached.'),
    column('Cluster-IP', 'Address in the cluster.'),
    column('External-IP', 'Addresses from outside.'),
    column('Port(s)', 'Ports, with the port on every node where there is one.'),
    AGE,
    wideColumn('Selector', 'Labels of the pods that get the traffic.'),
  ],
  (service, now) => [
    service.metadata.name,
    service.spec?.type ?? '',
    service.spec?.clusterIPs?.[0] || service.spec?.clusterIP || NONE,
    externalAddress(service),
    joinedOrNone(service.spec?.ports?.map(portText)),
    ageOf(service, now),
    formatLabels(service.spec?.selector),
  ],
);

function externalAddress(service: KubeObject<ServiceSpec, LoadBalancer>): string {
  const external = service.spec?.externalIPs ?? [];
  switch (service.spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return joinedOrNone(external);
    case 'LoadBalancer':
      return [...loadBalancerAddresses(service.status), ...external].join(',') || '<pending>';
    case 'ExternalName':
      return service.spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

function portText(port: { port: number; nodePort?: number; protocol?: string }): string {
  return `${port.port}${port.nodePort ? `:${port.nodePort}` : ''}/${port.protocol ?? 'TCP'}`;
}

function loadBalancerAddresses(status: LoadBalancer | undefined): string[] {
  const addresses = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '');
  return [...new Set(addresses.filter((address) => address !== ''))].sort();
}

interface IngressSpec {
  ingressClassName?: string;
  rules?: { host?: string }[];
  tls?: object[];
}

export const ingressPrinter = table<KubeObject<IngressSpec, LoadBalancer>>(
  [
    NAME,
    column('Class', 'IngressClass that serves it.'),
    column('Hosts', 'Hosts that it leads from.'),
    column('Address', 'Where it is served.'),
    column('Ports', 'Ports on which it is served.'),
    AGE,
  ],
  (ingress, now) => [
    ingress.metadata.name,
    ingress.spec?.ingressClassName ?? NONE,
    hostsText(ingress.spec?.rules ?? []),
    loadBalancerAddresses(ingress.status).join(','),
    ingress.spec?.tls?.length ? '80, 443' : '80',
    ageOf(ingress, now),
  ],
);

/** The hosts of the rules; every rule after the third host counts as one more. */
function hostsText(rules: readonly { host?: string }[]): string {
  const hosts = rules.flatMap(({ host }, index) => (host ? [{ host, index }] : []));
  const third = hosts[2];
  const more = third === undefined || third.index === rules.length - 1 ? 0 : rules.length - 3;
  const shown = hosts.slice(0, 3).map(({ host }) => host);
  if (shown.length === 0) return '*';
  return more > 0 ? `${shown.join(',')} + ${more} more...` : shown.join(',');
}

interface IngressClassSpec {
  controller?: string;
  parameters?: { kind: string; apiGroup?: string; name: string };
}

export const ingressClassPrinter = table<KubeObject<IngressClassSpec>>(
  [
    NAME,
    column('Controller', 'Controller that serves the class.'),
    column('Parameters', 'Object with further settings.'),
    AGE,
  ],
  (ingressClass, now) => {
    const parameters = ingressClass.spec?.parameters;
    const group = parameters?.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
    return [
      ingressClass.metadata.name,
      ingressClass.spec?.controller ?? '',
      parameters ? `${parameters.kind}${group}/${parameters.name}` : NONE,
      ageOf(ingressClass, now),
    ];
  },
);

interface Endpoints extends KubeObject {
  subsets?: { addresses?: { ip: string }[]; ports?: { port: number }[] }[];
}

export const endpointsPrinter = table<Endpoints>(
  [NAME, column('Endpoints', 'Addresses and ports of the pods.'), AGE],
  (endpoints, now) => [
    endpoints.metadata.name,
    endpoints.subsets?.length ? subsetsText(endpoints.subsets) : NONE,
    ageOf(endpoints, now),
  ],
);

function subsetsText(subsets: NonNullable<Endpoints['subsets']>): string {
  const texts = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0
      ? addresses.map(({ ip }) => ip)
      : ports.flatMap(({ port }) =>
          addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
        ),
  );
  return texts.length === 0 ? '' : firstThree(texts);
}

interface EndpointSlice extends KubeObject {
  addressType?: string;
  ports?: { name?: string; port?: number }[];
  endpoints?: { addresses?: string[] }[];
}

export const endpointSlicePrinter = table<EndpointSlice>(
  [
    NAME,
    column('AddressType', 'IPv4, IPv6 or FQDN.'),
    column('Ports', 'Ports of the endpoints.'),
    column('Endpoints', 'Addresses of the endpoints.'),
    AGE,
  ],
  (slice, now) => [
    slice.metadata.name,
    slice.addressType ?? '',
    listText((slice.ports ?? []).map(({ name, port }) => String(port ?? name ?? '*'))),
    listText((slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? [])),
    ageOf(slice, now),
  ],
);

/** EndpointSlices say <unset> where others say <none>. */
function listText(texts: readonly string[]): string {
  return texts.length === 0 ? '<unset>' : firstThree(texts);
}

interface NetworkPolicySpec {
  podSelector?: Parameters<typeof formatSelector>[0];
}

export const networkPolicyPrinter = table<KubeObject<NetworkPolicySpec>>(
  [NAME, column('Pod-Selector', 'Pods that the policy is about.'), AGE],
  (policy, now) => [policy.metadata.name, formatSelector(policy.spec?.podSelector), ageOf(policy, now)],
);

export const serviceCidrPrinter = table<KubeObject<{ cidrs?: string[] }>>(
  [NAME, column('CIDRs', 'Ranges from which services get their addresses.'), AGE],
  (range, now) => [range.metadata.name, (range.spec?.cidrs ?? []).join(','), ageOf(range, now)],
);

interface ParentReference {
  group?: string;
  resource?: string;
  namespace?: string;
  name?: string;
}

export const ipAddressPrinter = table<KubeObject<{ parentRef?: ParentReference }>>(
  [NAME, column('ParentRef', 'What has the address.')],
  (address) => [address.metadata.name, parentText(address.spec?.parentRef)],
);

function parentText(parent: ParentReference | undefined): string {
  if (!parent) return NONE;
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  const kind = (group === '' ? resource : `${resource}.${group}`).toLowerCase();
  return [kind, ...(namespace === '' ? [] : [namespace]), name].join('/');
}
