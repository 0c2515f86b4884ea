import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlatformContext, PodStreams, UsageSource } from '../client/index.ts';
import type { VolumeDrivers } from '../volumes/index.ts';
import { keepCsiNode } from './csi-node.ts';
import { type ChosenRuntime, chooseRuntime, type RuntimeChoice, type RuntimeName } from './detect.ts';
import type { ImageSource } from './images.ts';
import { watchProblems } from './ingress/problems.ts';
import { startIngressServer } from './ingress/server.ts';
import { writeIngressStatus } from './ingress/status.ts';
import type { KubeletDeps } from './kubelet/deps.ts';
import { startKubelet } from './kubelet/kubelet.ts';
import { createPodStreams } from './kubelet/streams.ts';
import { layersInUse } from './layers-in-use.ts';
import { type NetworkReservation, reserveNetwork } from './linux/network.ts';
import { startLinuxRuntime } from './linux/runtime.ts';
import { machineAddress } from './machine-address.ts';
import { startNodeNetwork, tellOfNoNetwork } from './node-network.ts';
import { keepImages, keepLease, machineCapacity, registerNode } from './node-object.ts';
import { type Pod, secrets, services } from './pod.ts';
import { createBackends } from './proxy/backends.ts';
import type { Runtime } from './runtime.ts';
import { startSimulatedRuntime } from './simulated.ts';
import { createUsageSource } from './usage/source.ts';

export interface NodeOptions {
  context: PlatformContext;
  images: ImageSource;
  /** What brings PersistentVolumes to pods. */
  drivers?: VolumeDrivers;
  /** The instance's data folder; the node keeps everything of its own in `node/` below it. */
  dataDir: string;
  /** Default 'auto'. What chooseRuntime has answered is taken as it is. */
  runtime?: RuntimeChoice | ChosenRuntime;
  /** Default 'homeport'. */
  nodeName?: string;
  /** From reserveNetwork, when the range of ClusterIPs had to be known first. Otherwise the node reserves one. Released on stop. */
  network?: NetworkReservation;
  /** Where applications answer. Default 127.0.0.1. */
  bindAddress?: string;
  /** Port for applications; a free one is taken when it is in use or 0 (the default). */
  ingressPort?: number;
  /** Where the API server listens. On loopback, pods reach it under the same port of the node's address (hostIp). */
  apiServer?: { host: string; port: number };
  /** The Kubernetes version that the Node states. Default 'v1.34.2'. */
  version?: string;
}

/** The running node: what an API server asks of the agent, and how to stop it. */
export interface NodeAgent extends PodStreams, UsageSource {
  readonly name: string;
  readonly runtime: RuntimeName;
  /** Why this runtime was taken. */
  readonly runtimeReason: string;
  /** The address of the HTTP port for applications: 'http://127.0.0.1:8080'. */
  readonly appsUrl: string;
  /** '10.244.0.0/24' */
  readonly podCidr: string;
  /** The address of this machine as pods see it. */
  readonly hostIp: string;
  /** Ends every pod's processes (SIGTERM, SIGKILL after three seconds) and takes down what was set up. */
  stop(): Promise<void>;
}

/** Runs pods of this node: the runtime, and the folders it keeps their things in. */
interface Foundation {
  runtime: Runtime;
  /** Where the runtime has images of its own. */
  images?: ImageSource;
  memory: string;
  /** The pods' network, where they have one. */
  network: NetworkReservation | undefined;
  stop(): Promise<void>;
}

/**
 * Starts the node agent: registers the Node, runs its pods, and answers for Services and Ingresses on this machine.
 * @throws Error when the runtime asked for cannot work here, or when something of it cannot be set up.
 */
export async function startNode(options: NodeOptions): Promise<NodeAgent> {
  const chosen = typeof options.runtime === 'object' ? options.runtime : await chooseRuntime(options.runtime);
  const foundation = await layFoundation(chosen.name, options);
  /** What is up already, to be taken down together before the foundation. */
  const stops: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(stops.splice(0).map((one) => one()));
    await foundation.stop();
  };
  try {
    const agent = await startOn(foundation, options, stops);
    return { ...agent, runtimeReason: chosen.reason, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts everything of a node that stands on a runtime; what has to be stopped again is added to `stops` at once. */
async function startOn(
  foundation: Foundation,
  options: NodeOptions,
  stops: (() => unknown)[],
): Promise<Omit<NodeAgent, 'runtimeReason' | 'stop'>> {
  const { context, dataDir, bindAddress = '127.0.0.1', nodeName: name = 'homeport' } = options;
  const { client, informers, log } = context;
  const { runtime, images = options.images } = foundation;
  const version = options.version ?? 'v1.34.2';
  const recorder = context.recorder('kubelet', name);
  const node = join(dataDir, 'node');
  const folders = { pods: join(node, 'pods'), memory: foundation.memory, logs: join(node, 'logs') };
  for (const folder of [folders.pods, folders.logs]) await mkdir(folder, { recursive: true, mode: 0o755 });
  const backends = createBackends(informers);
  const ingress = await startIngressServer({
    informers,
    backends,
    readSecret: (namespace, name) => client.get(secrets, { name, namespace }),
    host: bindAddress,
    port: options.ingressPort ?? 0,
  });
  stops.push(
    ingress.stop,
    watchProblems({ informers, backends, certificates: ingress.certificates, recorder: context.recorder('ingress') }),
  );
  const network =
    foundation.network === undefined
      ? undefined
      : await startNodeNetwork({
          ...{ context, backends, network: foundation.network, nodeName: name, apiServer: options.apiServer },
          addresses: { internal: runtime.hostIp, external: bindAddress },
        });
  stops.push(network?.stop ?? tellOfNoNetwork(context, name));
  // Of images that were built anew, and of those that were removed. Pods that were left running may stand on some.
  await images
    .removeUnused(await layersInUse(dataDir))
    .catch((error: Error) => log.warn({ error: error.message }, 'removing layers of images that are gone'));
  await registerNode(client, { name, runtime, images, version });
  const deps: KubeletDeps = {
    client,
    recorder,
    log,
    runtime,
    images,
    drivers: options.drivers,
    folders,
    capacity: machineCapacity(),
    servicesFor: (pod) => servicesFor(pod, informers),
    clusterDns: network?.dnsAddress,
    admitToNetwork: async (pod, address) => network?.admit(pod, address),
    kubernetes: /\d+\.\d+/.exec(version)?.[0] ?? '1',
  };
  const kubelet = startKubelet(name, informers, deps);
  stops.push(kubelet.stop);
  stops.push(
    keepImages(client, name, images, (error) => log.warn({ error: error.message }, "telling of the node's images")),
    keepLease(client, name, (error) => log.warn({ error: error.message }, "renewing the node's lease")),
    writeIngressStatus(client, informers, machineAddress(bindAddress), log),
  );
  if (options.drivers) {
    const failed = (error: Error) => log.warn({ error: error.message }, 'writing what volume drivers say of the node');
    stops.push(keepCsiNode(client, name, options.drivers, failed));
  }
  return {
    ...createPodStreams(kubelet, folders.logs),
    ...createUsageSource(kubelet, runtime),
    name,
    runtime: runtime.name,
    appsUrl: ingress.url,
    podCidr: runtime.podCidr,
    hostIp: runtime.hostIp,
  };
}

async function layFoundation(name: RuntimeName, options: NodeOptions): Promise<Foundation> {
  if (name === 'simulated') {
    const runtime = startSimulatedRuntime();
    return { runtime, memory: join(options.dataDir, 'node', 'memory'), network: undefined, stop: () => runtime.stop() };
  }
  if (name === 'docker') {
    const { startDockerRuntime } = await import('./docker/runtime.ts');
    const runtime = await startDockerRuntime({ dataDir: options.dataDir });
    const memory = join(options.dataDir, 'node', 'memory');
    return { runtime, images: runtime.images, memory, network: undefined, stop: () => runtime.stop() };
  }
  const network = options.network ?? (await reserveNetwork({ dataDir: options.dataDir }));
  const runtime = await startLinuxRuntime({ dataDir: options.dataDir, network, log: options.context.log });
  return {
    runtime,
    memory: runtime.memoryDir,
    network,
    async stop() {
      await runtime.stop();
      await network.release();
    },
  };
}

/** Services whose variables a pod gets: the API server's, and those of its namespace unless it does not want them. */
function servicesFor(pod: Pod, informers: PlatformContext['informers']) {
  const informer = informers.for(services);
  const master = informer.get('default/kubernetes');
  const own = pod.spec?.enableServiceLinks === false ? [] : informer.list(pod.metadata.namespace);
  return [...(master ? [master] : []), ...own.filter((service) => service !== master)];
}
