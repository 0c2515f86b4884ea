import { randomInt } from 'node:crypto';
import type { Fields, KubeObject } from '../../machinery/index.ts';
import { mapAt, numberAt, objectAt, objectsAt, textAt, textsAt } from '../kinds/fields.ts';
import type { Store } from '../store/store.ts';
import type { ServiceResolver } from './caller.ts';

const SERVICES = { group: '', resource: 'services' };
const SLICES = { group: 'discovery.k8s.io', resource: 'endpointslices' };

/**
 * Finds the pods behind a Service as this process can reach them: by a ready endpoint, or else by the cluster IP.
 */
export function createServiceResolver(store: Store): ServiceResolver {
  return (namespace, name, port) => {
    const service = store.cache(SERVICES).entries.get(namespace, name)?.object;
    if (!service) throw new Error(`service ${JSON.stringify(name)} not found`);
    const wanted = objectsAt(service.spec, 'ports').find((one) => numberAt(one, 'port') === port);
    if (textAt(service.spec, 'type') === 'ExternalName') return { host: textAt(service.spec, 'externalName'), port };
    if (!wanted) throw new Error(`service ${JSON.stringify(name)} has no port ${port}`);
    const endpoints = endpointsOf(store, service, textAt(wanted, 'name'));
    const endpoint = endpoints[endpoints.length > 1 ? randomInt(endpoints.length) : 0];
    if (endpoint) return endpoint;
    const address = textAt(service.spec, 'clusterIP');
    const isHeadless = address === '' || address === 'None';
    if (isHeadless || objectAt(service.spec, 'selector')) {
      throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
    }
    return { host: address, port };
  };
}

function endpointsOf(store: Store, service: KubeObject, portName: string): { host: string; port: number }[] {
  const { name, namespace = '' } = service.metadata;
  const found: { host: string; port: number }[] = [];
  for (const { object } of store.cache(SLICES).entries.from(namespace)) {
    if (mapAt(object.metadata as unknown as Fields, 'labels')['kubernetes.io/service-name'] !== name) continue;
    const port = objectsAt(object, 'ports').find((one) => textAt(one, 'name') === portName);
    if (!port) continue;
    for (const endpoint of objectsAt(object, 'endpoints')) {
      if (objectAt(endpoint, 'conditions')?.['ready'] === false) continue;
      for (const host of textsAt(endpoint, 'addresses')) found.push({ host, port: numberAt(port, 'port') ?? 0 });
    }
  }
  return found;
}
