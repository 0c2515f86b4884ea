import type { PlatformContext } from '../client/index.ts';
import type { KubeObject } from '../machinery/index.ts';
import { keepKubeDns, kubeDns, kubeDnsKey } from './dns/kube-dns.ts';
import { createDnsServer } from './dns/server.ts';
import { informerSource } from './dns/source.ts';
import { createUpstream } from './dns/upstream.ts';
import { openFirewall } from './linux/firewall.ts';
import type { NetworkReservation } from './linux/network.ts';
import { openOutside } from './linux/outside.ts';
import { machineAddress } from './machine-address.ts';
import type { Connection } from './network-policy/allows.ts';
import { enforceNetworkPolicies, tellUnenforced } from './network-policy/enforce.ts';
import type { PolicyPod } from './network-policy/model.ts';
import { services } from './pod.ts';
import type { Backends } from './proxy/backends.ts';
import { isOurBalancer, type NodeAddresses } from './proxy/frontends.ts';
import { startHostPorts } from './proxy/host-ports.ts';
import { openListener } from './proxy/listener.ts';
import { createLoadBalancers } from './proxy/load-balancers.ts';
import { startRelay } from './proxy/relay.ts';
import { startServiceProxy } from './proxy/service-proxy.ts';

/** What pods of this node find on their network. */
export interface NodeNetwork {
  /** The address of the cluster's DNS, once it has one. */
  readonly dnsAddress: Promise<string>;
  /** Resolves when NetworkPolicies hold for a pod that is about to run at this address. */
  admit(pod: KubeObject, address: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts what answers on the pods' bridge: Services, the cluster's DNS, and the way to the API server. */
export async function startNodeNetwork(options: {
  context: PlatformContext;
  backends: Backends;
  network: NetworkReservation;
  nodeName: string;
  addresses: NodeAddresses;
  apiServer: { host: string; port: number } | undefined;
}): Promise<NodeNetwork> {
  const { backends, network, nodeName, addresses } = options;
  const { client, informers, log, recorder } = options.context;
  const upstream = createUpstream();
  const serverAddress = () => informers.for(services).get(kubeDnsKey)?.spec?.['clusterIP'] as string | undefined;
  const dns = createDnsServer(informerSource(informers, { serverAddress, lookup: upstream.lookup }), upstream);
  const firewall = await openFirewall(network);
  const outside = await openOutside(network, firewall.obstacle === undefined);
  if (outside.obstacle) log.warn({ reason: outside.obstacle }, 'pods do not reach beyond this machine');
  const policies = enforceNetworkPolicies({
    ...{ informers, log, firewall },
    recorder: recorder('network-policy', nodeName),
    answering: () => dnsPods(serverAddress()),
  });
  const allows = (connection: Connection) => isOfNode(connection.from, addresses) || policies.allows(connection);
  const proxyRecorder = recorder('kube-proxy', nodeName);
  const stopHostPorts = startHostPorts({ informers, recorder: proxyRecorder, nodeName, addresses, allows });
  const proxy = startServiceProxy({
    ...{ informers, backends, log, nodeName, addresses, allows },
    bridge: network.bridge,
    recorder: proxyRecorder,
    answerers: new Map([[kubeDnsKey, dns]]),
    balancers: createLoadBalancers({
      ...{ client, log },
      recorder: recorder('service-controller'),
      address: machineAddress(addresses.external),
    }),
  });
  const dnsService = keepKubeDns(client, informers, addresses.internal, log);
  const mayAsk = (from = '', protocol: 'TCP' | 'UDP') =>
    allows({ from, to: serverAddress() ?? addresses.internal, protocol, port: 53 });
  // The endpoint of kube-dns: the same answers, at an address that does not depend on any object.
  const listeners = (['UDP', 'TCP'] as const).map((protocol) =>
    openListener(
      { ip: addresses.internal, number: 53, protocol },
      {
        connection: (socket) => (mayAsk(socket.remoteAddress, protocol) ? dns.connection(socket) : socket.destroy()),
        datagram(message, { address }, reply) {
          if (mayAsk(address, protocol)) void dns.datagram(message).then((answer) => answer && reply(answer));
        },
        changed: (error) => error && log.warn({ error: error.message }, 'answering DNS at the node'),
      },
    ),
  );
  const relay = options.apiServer && (await startRelay(addresses.internal, options.apiServer));
  return {
    dnsAddress: dnsService.address,
    admit: policies.admit,
    async stop() {
      dnsService.stop();
      stopHostPorts();
      for (const listener of listeners) listener.close();
      await Promise.all([proxy.stop(), policies.stop(), relay?.stop()]);
    },
  };
}

const noNetwork = 'pods of the simulated runtime have no network';

/** On a node whose pods only seem to run: says in Events what is not done for want of a network. @returns the way to stop */
export function tellOfNoNetwork({ informers, recorder }: PlatformContext, nodeName: string): () => void {
  const recordService = recorder('service-controller');
  const stops = [
    tellUnenforced(informers, recorder('network-policy', nodeName), noNetwork),
    informers.for(services).addHandler({
      upsert(service, old) {
        if (!isOurBalancer(service) || (old && isOurBalancer(old))) return;
        const message = `Error syncing load balancer: failed to ensure load balancer: ${noNetwork}`;
        recordService.event(service, 'Warning', 'SyncLoadBalancerFailed', message);
      },
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** The cluster's DNS, as policies know it from other clusters. */
function dnsPods(address: string | undefined): PolicyPod[] {
  if (address === undefined) return [];
  const ports = [
    { name: 'dns', containerPort: 53, protocol: 'UDP' },
    { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
  ];
  return [{ namespace: kubeDns.namespace, labels: { 'k8s-app': 'kube-dns' }, address, ports }];
}

/** Whether it is the node that speaks: that is always allowed. */
function isOfNode(address: string, { internal, external }: NodeAddresses): boolean {
  return address === internal || address === external || address.startsWith('127.');
}
