import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import { equalJson, isReason, type KubeObject, type Resource } from '../machinery/index.ts';
import { isNamespaceTerminating } from './refusals.ts';
import { configMaps, namespaces, serviceAccounts } from './resources.ts';

/** Keeps a service account 'default' in every namespace: the one that pods run as if they name none. */
export function serviceAccountController(context: PlatformContext): Controller {
  return namespaceFixture(context, 'serviceaccount-controller', serviceAccounts, (namespace) => ({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace },
  }));
}

/** Keeps the ConfigMap 'kube-root-ca.crt' in every namespace: what pods verify the API server with. */
export function rootCaPublisher(context: PlatformContext, caPem: string): Controller {
  const description =
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
    'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of ' +
    'Kubernetes clusters.';
  return namespaceFixture(context, 'root-ca-certificate-publisher', configMaps, (namespace) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kube-root-ca.crt', namespace, annotations: { 'kubernetes.io/description': description } },
    data: { 'ca.crt': caPem },
  }));
}

/** A controller that keeps one object of a fixed name in every active namespace. */
function namespaceFixture(
  context: PlatformContext,
  name: string,
  resource: Resource,
  wantedIn: (namespace: string) => KubeObject,
): Controller {
  const { client, informers } = context;
  const namespaceInformer = informers.for(namespaces);
  const { name: fixtureName } = wantedIn('').metadata;

  async function reconcile(namespace: string): Promise<undefined> {
    const owner = namespaceInformer.get(namespace);
    if (!owner || owner.metadata.deletionTimestamp) return;
    const wanted = wantedIn(namespace);
    const current = await client.find(resource, { namespace, name: fixtureName });
    try {
      if (!current) await client.create(resource, wanted);
      else if (wanted['data'] && !equalJson(current['data'], wanted['data'])) {
        await client.update(resource, { ...current, data: wanted['data'] });
      }
    } catch (error) {
      if (!isReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error;
    }
  }

  return createController({
    name,
    context,
    sources: [
      { resource: namespaces },
      {
        resource,
        // There may be very many objects beside the one that matters.
        metadataOnly: true,
        keys: ({ metadata }) => (metadata.name === fixtureName && metadata.namespace ? [metadata.namespace] : []),
      },
    ],
    reconcile,
  });
}
