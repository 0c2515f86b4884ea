import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ApiServer, startApiServer, writePrivateFile } from '../apiserver/index.ts';
import { type Capability, type Controller, createClient, createPlatformContext } from '../client/index.ts';
import { compose } from '../compose/index.ts';
import { resourceOf } from '../machinery/index.ts';
import { chooseRuntime, type NodeAgent, type RuntimeChoice, reserveNetwork, startNode } from '../node/index.ts';
import { openImageStore } from '../registry/index.ts';
import { workloadControllers } from '../workloads/index.ts';
import type { Configuration } from './configuration.ts';

/** The capabilities that run. Adding one is adding its folder and its line here. */
const capabilities: readonly Capability[] = [compose];

/** The ports that are taken when they are free and no other is asked for. */
const usualPorts = { api: 6443, apps: 8080 };

/** A running platform, and where its parts are reached. */
export interface Platform {
  readonly api: ApiServer;
  readonly node: NodeAgent;
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
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    const runtime = await chooseRuntime(configuration.runtime as RuntimeChoice);
    const network = runtime.name === 'linux' ? await reserveNetwork({ dataDir }) : undefined;
    if (network) stops.push(() => network.release());
    const api = await startApiServer({
      dataDir,
      port: wanted(configuration.securePort, usualPorts.api),
      bindAddress,
      serviceClusterIpRange: configuration.serviceClusterIpRange ?? network?.serviceCidr,
      tokenAuthFile: configuration.tokenAuthFile,
      authorizationMode: configuration.authorizationMode,
      clientCaFile: configuration.clientCaFile,
      log: log.child({ room: 'apiserver' }),
    });
    stops.push(() => api.stop());
    insist('--secure-port', configuration.securePort, api.port);
    const kubeconfig = join(dataDir, 'kubeconfig');
    writePrivateFile(kubeconfig, api.adminKubeconfig());

    const context = createPlatformContext(createClient(api.transport()), log);
    stops.push(() => context.stop());
    const images = await openImageStore(join(dataDir, 'images'));
    const node = await startNode({
      context,
      images,
      dataDir,
      runtime,
      network,
      bindAddress,
      ingressPort: wanted(configuration.appsPort, usualPorts.apps),
      apiServer: { host: bindAddress, port: api.port },
    });
    api.connectNode(node.name, node);
    stops.push(() => node.stop());
    insist('--apps-port', configuration.appsPort, Number(new URL(node.appsUrl).port));

    for (const { crds } of capabilities) {
      const resource = resourceOf('apiextensions.k8s.io/v1', 'CustomResourceDefinition');
      await Promise.all(
        crds.map((crd) => context.client.apply(resource, crd, { fieldManager: 'homeport', force: true })),
      );
    }
    const controllers: Controller[] = [
      ...workloadControllers(context, { caPem: api.caPem, apiAddress: network?.gateway, apiPort: api.port }),
      ...capabilities.flatMap((capability) => capability.controllers(context)),
    ];
    for (const controller of controllers) controller.start();
    stops.push(async () => {
      await Promise.all(controllers.map((controller) => controller.stop()));
    });
    return {
      api,
      node,
      kubeconfig,
      capabilities: capabilities.map(({ name }) => name),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const wanted = (port: number | undefined, usual: number): number => port ?? usual;

/** A port that was asked for by number must be that one: whoever asked relies on it. */
function insist(flag: string, asked: number | undefined, got: number): void {
  if (asked && asked !== got)
    throw new Error(`${flag} ${asked}: that port is taken; leave the flag out to take a free one`);
}
