import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type ApiServer, startApiServer, writePrivateFile } from '../apiserver/index.ts';
import { type Controller, createClient, createPlatformContext, type PlatformContext } from '../client/index.ts';
import { lockDataDir, unlockDataDir } from '../host/index.ts';
import { type KubeObject, resourceOf } from '../machinery/index.ts';
import { workloadControllers } from '../workloads/index.ts';
import type { ControlPlane, ControlPlaneOptions } from './control-plane.ts';
import { frozen } from './frozen.ts';
import { applyManifests } from './manifests.ts';
import { addNode, seemingKubelet } from './seeming-nodes.ts';
import { settled } from './settled.ts';
import { until } from './until.ts';

const SETTLE_TIMEOUT = 10_000;
/** What the endpoints of the Service default/kubernetes say (TEST-NET-1, RFC 5737): no pod is there to go to it. */
const API_ADDRESS = '192.0.2.1';
const namespaces = resourceOf('v1', 'Namespace');

/**
 * Starts a control plane in this process: a real API server on a free loopback port, and as much around it as is asked for.
 * @throws Error for a controller that does not exist, a manifest that cannot be applied, a data folder that is in use.
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const running = new AsyncDisposableStack();
  try {
    const { dataDir, port } = options;
    const log = options.log ?? pino({ level: 'silent' });
    if (dataDir !== undefined) running.defer(takeDataDir(dataDir));
    const api = await startApiServer({ ...(dataDir === undefined ? {} : { dataDir }), ...(port ? { port } : {}), log });
    running.defer(() => api.stop());
    const context = createPlatformContext(createClient(frozen(api.transport())), log);
    running.defer(() => context.stop());

    const controllers = new Set<Controller>();
    running.defer(async () => void (await Promise.all([...controllers].map((controller) => controller.stop()))));
    const run = <T extends Controller>(make: (context: PlatformContext) => T): T => {
      const controller = make(context);
      controllers.add(controller);
      controller.start();
      return controller;
    };

    await applyManifests(context.client, options.manifests ?? []);
    await addNodes(context, options.nodes ?? 0);
    for (const controller of builtinControllers(context, api, options.controllers ?? [])) run(() => controller);
    if (options.nodes) run((platform) => seemingKubelet(platform, () => true));
    return controlPlane({ api, context, controllers, running, run });
  } catch (error) {
    await running.disposeAsync();
    throw error;
  }
}

/** Takes the data folder for this control plane alone; returns the way to give it back. */
function takeDataDir(dataDir: string): () => void {
  const holder = lockDataDir(dataDir);
  if (holder !== undefined) throw new Error(`the data folder ${dataDir} is in use by process ${holder}`);
  return () => unlockDataDir(dataDir);
}

async function addNodes(context: PlatformContext, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => addNode(context, `node-${index + 1}`)));
}

/** The built-in controllers that were asked for. None is made if none is: each costs an informer or more. */
function builtinControllers(
  context: PlatformContext,
  { caPem, port, signer }: ApiServer,
  wanted: 'all' | readonly string[],
): Controller[] {
  if (wanted.length === 0) return [];
  const all = workloadControllers(context, { caPem, signer, apiAddress: API_ADDRESS, apiPort: port });
  if (wanted === 'all') return all;
  const known = new Map(all.map((controller) => [controller.name, controller]));
  return wanted.map((name) => {
    const controller = known.get(name);
    if (controller) return controller;
    throw new Error(`there is no built-in controller "${name}"; there are ${[...known.keys()].join(', ')}`);
  });
}

interface Parts {
  api: ApiServer;
  context: PlatformContext;
  controllers: Set<Controller>;
  running: AsyncDisposableStack;
  run: ControlPlane['run'];
}

function controlPlane({ api, context, controllers, running, run }: Parts): ControlPlane {
  const { client } = context;
  let kubeconfigFolder: string | undefined;
  const kubeconfigFile = (): string => {
    if (kubeconfigFolder === undefined) {
      const folder = mkdtempSync(join(tmpdir(), 'homeport-envtest-'));
      kubeconfigFolder = folder;
      running.defer(() => rmSync(folder, { recursive: true, force: true }));
      writePrivateFile(join(folder, 'kubeconfig'), api.adminKubeconfig());
    }
    return join(kubeconfigFolder, 'kubeconfig');
  };
  const stop = (): Promise<void> => running.disposeAsync();
  return {
    url: api.url,
    port: api.port,
    caPem: api.caPem,
    get kubeconfig() {
      return api.adminKubeconfig();
    },
    kubeconfigFile,
    kubeconfigOf: api.kubeconfigOf,
    client,
    clientOf: (user) => createClient(frozen(api.transport({ groups: ['system:authenticated'], ...user }))),
    context,
    run,
    apply: (...manifests) => applyManifests(client, manifests),
    async namespace(prefix = 'test') {
      const wanted = { apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: `${prefix}-` } };
      // The server completes the name.
      return (await client.create(namespaces, wanted as KubeObject)).metadata.name;
    },
    settled: (timeout = SETTLE_TIMEOUT) => settled(api, controllers, timeout),
    until: (resource, key, condition, waiting) => until(client, resource, key, condition, waiting),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
