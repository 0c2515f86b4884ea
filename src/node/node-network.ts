import type { PlatformContext } from '../client/index.ts';
import { keepKubeDns, kubeDnsKey } from './dns/kube-dns.ts';
import { createDnsServer } from './dns/server.ts';
import { informerSource } from './dns/source.ts';
import { createUpstream } from './dns/upstream.ts';
import { machineAddress } from './machine-address.ts';
import { services } from './pod.ts';
import type { Backends } from './proxy/backends.ts';
import type { NodeAddresses } from './proxy/frontends.ts';
import { openListener } from './proxy/listener.ts';
import { createLoadBalancers } from './proxy/load-balancers.ts';
import { startRelay } from './proxy/relay.ts';
import { startServiceProxy } from './proxy/service-proxy.ts';

/** What pods of this node find on their network. */
export interface NodeNetwork {
  /** The address of the cluster's DNS, once it has one. */
  readonly dnsAddress: Promise<string>;
  stop(): Promise<void>;
}

/** Starts what answers on the pods' bridge: Services, the cluster's DNS, and the way to the API server. */
export async function startNodeNetwork(options: {
  context: PlatformContext;
  backends: Backends;
  bridge: string;
  nodeName: string;
  addresses: NodeAddresses;
  apiServer: { host: string; port: number } | undefined;
}): Promise<NodeNetwork> {
  const { backends, bridge, nodeName, addresses } = options;
  const { client, informers, log, recorder } = options.context;
  const upstream = createUpstream();
  const serverAddress = () => informers.for(services).get(kubeDnsKey)?.spec?.['clusterIP'] as string | undefined;
  const dns = createDnsServer(informerSource(informers, { serverAddress, lookup: upstream.lookup }), upstream);
  const proxy = startServiceProxy({
    ...{ informers, backends, log, bridge, nodeName, addresses },
    recorder: recorder('kube-proxy', nodeName),
    answerers: new Map([[kubeDnsKey, dns]]),
    balancers: createLoadBalancers({
      ...{ client, log },
      recorder: recorder('service-controller'),
      address: machineAddress(addresses.external),
    }),
  });
  const kubeDns = keepKubeDns(client, informers, addresses.internal, log);
  // The endpoint of kube-dns: the same answers, at an address that does not depend on any object.
  const listeners = (['UDP', 'TCP'] as const).map((protocol) =>
    openListener(
      { ip: addresses.internal, number: 53, protocol },
      {
        connection: dns.connection,
        datagram: (message, _from, reply) => void dns.datagram(message).then((answer) => answer && reply(answer)),
        changed: (error) => error && log.warn({ error: error.message }, 'answering DNS at the node'),
      },
    ),
  );
  const relay = options.apiServer && (await startRelay(addresses.internal, options.apiServer));
  return {
    dnsAddress: kubeDns.address,
    async stop() {
      kubeDns.stop();
      for (const listener of listeners) listener.close();
      await Promise.all([proxy.stop(), relay?.stop()]);
    },
  };
}
