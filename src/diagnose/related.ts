import type { KubeObject } from '../machinery/index.ts';
import { backendsOf, namespaceOf, selectorOf, selects } from './network-faults.ts';
import type { ObjectSource } from './types.ts';

/**
 * What an object's state depends on: what it owns, and for the object asked about also what it points to, which its
 * owner would otherwise bring in: the pods that a Service selects, the Services that an Ingress sends to.
 */
export async function related(object: KubeObject, source: ObjectSource, asked: boolean): Promise<KubeObject[]> {
  const owned = await source.owned(object);
  if (!asked && object.kind !== 'Service') return [...owned];
  return [...owned, ...(await pointedTo(object, source))];
}

/** What a Service or an Ingress leads to by its fields. */
export async function pointedTo(object: KubeObject, source: ObjectSource): Promise<KubeObject[]> {
  if (object.kind === 'Service' && object.apiVersion === 'v1') {
    const selector = selectorOf(object);
    if (selector === undefined) return [];
    const pods = await source.list('v1', 'Pod', object.metadata.namespace);
    return pods.filter((pod) => selects(selector, pod.metadata.labels));
  }
  if (object.kind === 'Ingress' && object.apiVersion.startsWith('networking.k8s.io/')) {
    const names = new Set(backendsOf(object).map((backend) => backend.service));
    const services = await Promise.all(
      [...names].map((name) => source.get('v1', 'Service', { name, ...namespaceOf(object) })),
    );
    return services.filter((service) => service !== undefined);
  }
  return [];
}
