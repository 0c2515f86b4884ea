import type { Logger } from 'pino';
import type { Client, Informers } from '../../client/index.ts';
import { equalJson, isReason, type KubeObject } from '../../machinery/index.ts';
import { endpointSlices, services } from '../pod.ts';

export const kubeDns = { namespace: 'kube-system', name: 'kube-dns' } as const;
export const kubeDnsKey = `${kubeDns.namespace}/${kubeDns.name}`;

const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true' };
const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

/** The Service under which clients find the cluster's DNS. */
export interface KubeDnsService {
  /** Its ClusterIP, once it has one. */
  readonly address: Promise<string>;
  stop(): void;
}

/**
 * Keeps the Service kube-dns in kube-system, at the tenth address of the range as kubeadm has it, and an EndpointSlice
 * that names this node's address.
 */
export function keepKubeDns(client: Client, informers: Informers, nodeAddress: string, log: Logger): KubeDnsService {
  const informer = informers.for(services);
  const known = Promise.withResolvers<string>();

  async function ensure(): Promise<void> {
    await informer.synced;
    const first = informer.get('default/kubernetes')?.spec?.['clusterIP'];
    if (informer.get(kubeDnsKey) || typeof first !== 'string') return;
    const tenth = first.replace(/\d+$/, (last) => String(Number(last) + 9));
    try {
      await client.create(services, serviceAt(tenth));
    } catch (error) {
      if (isReason(error, 'AlreadyExists')) return;
      if (!isReason(error, 'Invalid')) throw error;
      // Somebody else has that address already: any other will do, because pods are told which it is.
      await client.create(services, serviceAt(undefined));
    }
  }

  let retry: NodeJS.Timeout | undefined;
  const keep = () =>
    void Promise.all([ensure(), keepSlice(client, nodeAddress)]).catch((error: Error) => {
      log.warn({ error: error.message }, 'keeping the Service of the cluster DNS');
      clearTimeout(retry);
      retry = setTimeout(keep, 1_000).unref();
    });
  const see = (object: KubeObject) => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    const address = object.spec?.['clusterIP'];
    if (key === kubeDnsKey && typeof address === 'string') known.resolve(address);
    if (key === 'default/kubernetes') keep();
  };
  const stop = informer.addHandler({
    upsert: see,
    remove(object) {
      if (`${object.metadata.namespace}/${object.metadata.name}` === kubeDnsKey) keep();
    },
  });
  return {
    address: known.promise,
    stop() {
      stop();
      clearTimeout(retry);
    },
  };
}

function serviceAt(clusterIP: string | undefined): KubeObject {
  const spec = { ports, ...(clusterIP ? { clusterIP } : {}) };
  return { apiVersion: 'v1', kind: 'Service', metadata: { ...kubeDns, labels }, spec };
}

async function keepSlice(client: Client, address: string): Promise<void> {
  const content = {
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports,
  };
  const metadata = {
    ...kubeDns,
    labels: {
      ...labels,
      'kubernetes.io/service-name': kubeDns.name,
      'endpointslice.kubernetes.io/managed-by': 'homeport.dev',
    },
  };
  try {
    await client.create<KubeObject>(endpointSlices, {
      ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4', metadata },
      ...content,
    });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
    const present = await client.get(endpointSlices, kubeDns);
    if (!equalJson(present['endpoints'], content.endpoints))
      await client.patch(endpointSlices, kubeDns, 'merge', content);
  }
}
