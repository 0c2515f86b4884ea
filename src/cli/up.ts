import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ApiServer, startApiServer, writePrivateFile } from '../apiserver/index.ts';
import { type Capability, type Client, createClient, createPlatformContext } from '../client/index.ts';
import { compose } from '../compose/index.ts';
import { resourceOf } from '../machinery/index.ts';
import {
  chooseRuntime,
  type NodeAgent,
  type RuntimeChoice,
  reserveNetwork,
  simulatedUsage,
  startNode,
  startSimulatedNodes,
} from '../node/index.ts';
import { createPuller, openImageStore, type RegistryServer, startRegistry } from '../registry/index.ts';
import { createDrivers, createFolderDriver, type DriverSet, watchDrivers } from '../volumes/index.ts';
import { installSnapshots, installStandardClass, workloadControllers } from '../workloads/index.ts';
import type { Configuration } from './configuration.ts';

/** The capabilities that run. Adding one is adding its folder and its line here. */
const capabilities: readonly Capability[] = [compose];

/** The ports that are taken when they are free and no other is asked for. */
const usualPorts = { api: 6443, apps: 8080, registry: 5000 };

/** A running platform, and where its parts are reached. */
export interface Platform {
  readonly api: ApiServer;
  readonly node: NodeAgent;
  readonly registry: RegistryServer;
  readonly kubeconfig: string;
  readonly capabilities: string[];
  /** Stops everything, pods included, in the reverse order of the start. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded control plane, the node and the capabilities, in this process.
 * The data directory must be this process's (lockDataDir).
 */
export async function startPlatform(configuration: Configuration, log: Logger): Promise<Platform> {
  const { dataDir, bindAddress } = configuration;
  const running = new AsyncDisposableStack();
  try {
    const runtime = await chooseRuntime(configuration.runtime as RuntimeChoice);
    const network = runtime.name === 'linux' ? await reserveNetwork({ dataDir }) : undefined;
    running.defer(async () => network?.release());

    const api = await startEmbeddedApi(configuration, network?.serviceCidr, log);
    running.defer(() => api.stop());
    insist('--secure-port', configuration.securePort, api.port);
    const kubeconfig = join(dataDir, 'kubeconfig');
    writePrivateFile(kubeconfig, api.adminKubeconfig());

    const context = createPlatformContext(createClient(api.transport()), log);
    running.defer(() => context.stop());
    const store = await openImageStore(join(dataDir, 'images'));
    const registry = await startRegistry(store, configuration.registryPort ?? usualPorts.registry);
    running.defer(() => registry.stop());
    insist('--registry-port', configuration.registryPort, registry.port);
    const { pull } = createPuller(store, {
      insecure: new Set(configuration.insecureRegistry),
      unpack: runtime.name === 'linux',
    });
    const images = { ...store, pull };
    const ingressPort = configuration.appsPort ?? usualPorts.apps;
    const apiServer = { host: bindAddress, port: api.port };
    const drivers = createDrivers([createFolderDriver(dataDir)]);
    running.defer(await followDrivers(dataDir, drivers, log));
    const node = await startNode({
      context,
      images,
      drivers,
      dataDir,
      runtime,
      network,
      bindAddress,
      ingressPort,
      apiServer,
    });
    running.defer(() => node.stop());
    insist('--apps-port', configuration.appsPort, Number(new URL(node.appsUrl).port));
    api.connectNode(node.name, node);
    const { simulateNodes = 0 } = configuration;
    running.defer(await startSimulatedNodes(context, simulateNodes));
    for (const [name, usage] of simulatedUsage(context, simulateNodes)) api.connectNode(name, usage);

    const { client } = context;
    await Promise.all([installKinds(client), installStandardClass(client), installSnapshots(client)]);
    const controllers = [
      ...workloadControllers(context, {
        ...{ caPem: api.caPem, signer: api.signer, apiAddress: network?.gateway, apiPort: api.port },
        drivers,
      }),
      ...capabilities.flatMap((capability) => capability.controllers(context)),
    ];
    for (const controller of controllers) controller.start();
    running.defer(async () => void (await Promise.all(controllers.map((controller) => controller.stop()))));

    const names = capabilities.map(({ name }) => name);
    return { api, node, registry, kubeconfig, capabilities: names, stop: () => running.disposeAsync() };
  } catch (error) {
    await running.disposeAsync();
    throw error;
  }
}

/** CSI drivers come as sockets in a folder; returns the way to stop following them. */
async function followDrivers(dataDir: string, drivers: DriverSet, log: Logger): Promise<() => void> {
  const failed = (socket: string, error: Error) =>
    log.warn({ socket, error: error.message }, 'a socket among the volume drivers does not answer as one');
  const staging = join(dataDir, 'node', 'csi');
  const { stop } = await watchDrivers({ folder: join(dataDir, 'plugins_registry'), staging, drivers, failed });
  return stop;
}

function startEmbeddedApi(
  configuration: Configuration,
  freeServiceRange: string | undefined,
  log: Logger,
): Promise<ApiServer> {
  // What is left are the API server's own options, by the same names.
  const {
    appsPort: _appsPort,
    registryPort: _registryPort,
    insecureRegistry: _insecureRegistry,
    runtime: _runtime,
    logLevel: _logLevel,
    simulateNodes: _simulateNodes,
    securePort,
    ...own
  } = configuration;
  return startApiServer({
    ...own,
    port: securePort ?? usualPorts.api,
    serviceClusterIpRange: own.serviceClusterIpRange ?? freeServiceRange,
    log: log.child({ room: 'apiserver' }),
  });
}

/** Applies the kinds of every capability, as they are in this version. */
async function installKinds(client: Client): Promise<void> {
  const resource = resourceOf('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
  const crds = capabilities.flatMap((capability) => capability.crds);
  await Promise.all(crds.map((crd) => client.apply(resource, crd, { fieldManager: 'homeport', force: true })));
}

/** A port that was asked for by number must be that one: whoever asked relies on it. */
function insist(flag: string, asked: number | undefined, got: number): void {
  if (!asked || asked === got) return;
  throw new Error(`${flag} ${asked}: that port is taken; leave the flag out to take a free one`);
}
