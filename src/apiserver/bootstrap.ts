import { randomUUID } from 'node:crypto';
import { equalJson, type KubeObject, resourceOf, timestamp } from '../machinery/index.ts';
import { parseServiceRange } from './admission/service-range.ts';
import { bootstrapRbac } from './auth/bootstrap/rbac.ts';
import { reconcileRbac } from './auth/bootstrap/reconcile.ts';
import type { Core } from './core.ts';
import { objectAt } from './kinds/fields.ts';
import { flowControlObjects } from './kinds/index.ts';

const SYSTEM_NAMESPACES = ['default', 'kube-node-lease', 'kube-public', 'kube-system'];

interface Bootstrap {
  serviceRange: string;
  /** Where the API server listens. */
  address: string;
  port: number;
  /** PEM: those whose client certificates are accepted. */
  clientCas: readonly string[];
}

/** Creates what every cluster has from its first start: namespaces, priority classes, roles, the service `kubernetes`. */
export async function bootstrap(core: Core, options: Bootstrap): Promise<void> {
  const objects = [
    ...namespaces(),
    ...priorityClasses(),
    ...flowControlObjects(timestamp()),
    ...serviceNetwork(options),
  ];
  await Promise.all([
    ...objects.map((object) => ensure(core, object, () => undefined)),
    ...bootstrapRbac().map((object) => ensure(core, object, reconcileRbac)),
    ensure(core, clientAuthorities(options), withData),
  ]);
}

/** What other API servers verify the users of this one with. */
function clientAuthorities({ clientCas }: Bootstrap): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: { 'client-ca-file': clientCas.map((pem) => `${pem.trimEnd()}\n`).join('') },
  };
}

/** The wanted data over what is there; undefined if it is there already. */
function withData(current: KubeObject, wanted: KubeObject): KubeObject | undefined {
  const data = { ...objectAt(current, 'data'), ...objectAt(wanted, 'data') };
  return equalJson(data, current['data']) ? undefined : { ...current, data };
}

/** Creates an object, or makes of the one that is there what `reconcile` says; undefined leaves it alone. */
export async function ensure(
  { registry, store }: Core,
  object: KubeObject,
  reconcile: (current: KubeObject, wanted: KubeObject) => KubeObject | undefined,
): Promise<void> {
  const { group, version, resource } = resourceOf(object.apiVersion, object.kind);
  const registration = registry.find(group, version, resource);
  if (!registration)
    throw new Error(`creating ${object.kind} ${object.metadata.name} at start: the kind is not served`);
  const { namespace = '', name } = object.metadata;
  await store.write(registration.storage, { namespace, name }, (current) => {
    const wanted = current ? reconcile(current.object, object) : object;
    if (current && !wanted) return { keep: current };
    const metadata = { uid: randomUUID(), creationTimestamp: timestamp(), ...(wanted ?? object).metadata };
    return { put: { ...object, ...wanted, metadata } };
  });
}

function namespaces(): KubeObject[] {
  return SYSTEM_NAMESPACES.map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }));
}

function priorityClasses(): KubeObject[] {
  const system = (name: string, value: number, description: string): KubeObject => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name, generation: 1 },
    value,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  });
  return [
    system(
      'system-cluster-critical',
      2_000_000_000,
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
    ),
    system(
      'system-node-critical',
      2_000_001_000,
      'Used for system critical pods that must not be moved from their current node.',
    ),
  ];
}

/** The range of service addresses, and the one service that the API server has itself. */
function serviceNetwork({ serviceRange, port }: Bootstrap): KubeObject[] {
  const { first, cidr } = parseServiceRange(serviceRange);
  return [serviceCidr(cidr), kubernetesService(first, port)];
}

function serviceCidr(cidr: string): KubeObject {
  const ready = {
    type: 'Ready',
    status: 'True',
    reason: '',
    message: 'Kubernetes default Service CIDR is ready',
    lastTransitionTime: timestamp(),
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [cidr] },
    status: { conditions: [ready] },
  };
}

function kubernetesService(first: string, port: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: first,
      clusterIPs: [first],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: port }],
    },
    status: { loadBalancer: {} },
  };
}
