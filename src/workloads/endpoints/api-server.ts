import { type Client, type Controller, createController, type PlatformContext } from '../../client/index.ts';
import { equalJson, type KubeObject, type Resource } from '../../machinery/index.ts';
import { endpointSlices, endpoints, services } from '../resources.ts';
import { serviceNameLabel } from './slices.ts';
import { createUnlessThere } from './writes.ts';

const key = { name: 'kubernetes', namespace: 'default' };

/** Points the service default/kubernetes, which selects no pods, at the API server (upstream: the endpoint reconciler). */
export function apiServerEndpointsController(
  context: PlatformContext,
  { address, port }: { address: string; port: number },
): Controller {
  const wanted: [Resource, KubeObject][] = [
    [
      endpointSlices,
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { ...key, labels: { [serviceNameLabel]: key.name } },
        addressType: address.includes(':') ? 'IPv6' : 'IPv4',
        endpoints: [{ addresses: [address], conditions: { ready: true } }],
        ports: [{ name: 'https', port, protocol: 'TCP' }],
      },
    ],
    [
      endpoints,
      {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { ...key, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
        subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
      },
    ],
  ];
  return createController({
    name: 'api-server-endpoints-controller',
    context,
    sources: [services, endpointSlices, endpoints].map((resource) => ({
      resource,
      keys: ({ metadata }) =>
        metadata.name === key.name && metadata.namespace === key.namespace ? ['kubernetes'] : [],
    })),
    async reconcile() {
      for (const [resource, object] of wanted) await ensure(context.client, resource, object);
      return undefined;
    },
    workers: 1,
  });
}

async function ensure(client: Client, resource: Resource, wanted: KubeObject): Promise<void> {
  const current = await client.find(resource, key);
  if (!current) {
    await createUnlessThere(client, resource, wanted);
    return;
  }
  const { metadata: _, ...content } = wanted;
  const differs = Object.entries(content).some(([name, value]) => !equalJson(current[name], value));
  if (differs) await client.update(resource, { ...current, ...content });
}
