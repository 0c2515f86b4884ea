import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { etcFiles } from '../etc-files.ts';
import type { ImageSource } from '../images.ts';
import { sum } from '../linux/usage.ts';
import { removeTree } from '../remove-tree.ts';
import type { RunningContainer, Runtime, Sandbox, SandboxSpec, Usage } from '../runtime.ts';
import { ignoreGone, startContainer } from './container.ts';
import { type Engine, openEngine } from './engine.ts';
import { engineImages } from './images.ts';
import { ensurePauseImage, pauseImage } from './pause-image.ts';

/** The docker runtime's extra doors for the node. */
export interface DockerRuntime extends Runtime {
  /** The engine's own. */
  readonly images: ImageSource;
}

const instanceLabel = 'homeport.dev/instance';

/**
 * Runs pods through an engine that speaks the Docker Engine API, on this machine: one container holds a pod's network, and
 * the others join it. What an earlier process of the same data folder left in the engine is removed first.
 * @throws Error when there is no engine, or it cannot do what is needed.
 */
export async function startDockerRuntime(options: { dataDir: string; engine?: Engine }): Promise<DockerRuntime> {
  const engine = options.engine ?? openEngine();
  const dir = join(await realpath(options.dataDir), 'node');
  const instance = createHash('sha256').update(dir).digest('hex').slice(0, 8);
  const { Arch } = await engine.call<{ Arch: string }>('GET', '/version');
  await removeContainers(engine, instance);
  await ensurePauseImage(engine, Arch);
  const network = await openNetwork(engine, instance);
  const sandboxes = new Set<Sandbox>();
  return {
    name: 'docker',
    runsPrograms: true,
    filtersSystemCalls: true,
    podCidr: network.subnet,
    hostIp: network.gateway,
    images: engineImages(engine),
    // Containers outlive this process in the engine, but not their logs' way here: the next one starts them anew.
    takeOver: () => undefined,
    removeSurvivors: async () => undefined,
    async runSandbox(spec) {
      const folder = join(dir, 'sandboxes', spec.id);
      const made = await createSandbox(spec, { engine, instance, network: network.name, folder });
      const tracked = { ...made, remove: () => made.remove().then(() => void sandboxes.delete(tracked)) };
      sandboxes.add(tracked);
      return tracked;
    },
    async stop() {
      await Promise.all([...sandboxes].map((sandbox) => sandbox.remove()));
      await engine.call('DELETE', `/networks/${network.name}`).catch(ignoreGone);
    },
  };
}

async function removeContainers(engine: Engine, instance: string): Promise<void> {
  const filters = JSON.stringify({ label: [`${instanceLabel}=${instance}`] });
  const left = await engine.call<{ Id: string }[]>('GET', '/containers/json', { query: { all: true, filters } });
  const query = { force: true, v: true };
  await Promise.all(left.map(({ Id }) => engine.call('DELETE', `/containers/${Id}`, { query }).catch(ignoreGone)));
}

interface NetworkInspect {
  Name: string;
  IPAM?: { Config?: { Subnet?: string; Gateway?: string }[] };
}

async function openNetwork(engine: Engine, instance: string) {
  const name = `homeport-${instance}`;
  const inspect = () => engine.call<NetworkInspect>('GET', `/networks/${name}`);
  const found = await inspect().catch(async (error: unknown) => {
    ignoreGone(error);
    const body = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { [instanceLabel]: instance } };
    await engine.call('POST', '/networks/create', { body });
    return inspect();
  });
  const { Subnet, Gateway } = found.IPAM?.Config?.[0] ?? {};
  if (!Subnet) throw new Error(`the engine's network ${name} has no range of addresses`);
  return { name, subnet: Subnet, gateway: Gateway ?? Subnet.replace(/\d+\/\d+$/, '1') };
}

interface Place {
  engine: Engine;
  instance: string;
  network: string;
  folder: string;
}

interface SandboxInspect {
  NetworkSettings?: { Networks?: Record<string, { IPAddress?: string } | undefined> };
}

async function createSandbox(spec: SandboxSpec, { engine, instance, network, folder }: Place): Promise<Sandbox> {
  const labels = {
    [instanceLabel]: instance,
    'io.kubernetes.pod.name': spec.name,
    'io.kubernetes.pod.namespace': spec.namespace,
    'io.kubernetes.pod.uid': spec.uid,
  };
  const nameOf = (container: string) => `k8s_${container}_${spec.name}_${spec.namespace}_${spec.id}`;
  const { Id } = await engine.call<{ Id: string }>('POST', '/containers/create', {
    query: { name: nameOf('POD') },
    body: {
      Image: pauseImage,
      Hostname: spec.hostname,
      Labels: { ...labels, 'io.kubernetes.docker.type': 'podsandbox' },
      HostConfig: {
        NetworkMode: network,
        IpcMode: 'shareable',
        // Whoever shares its processes needs somebody who reaps them.
        Init: spec.shareProcesses,
        Sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        ReadonlyRootfs: true,
      },
    },
  });
  const path = `/containers/${Id}`;
  const containers = new Map<string, { engineId: string; handle: RunningContainer }>();
  let removing = false;
  async function remove(): Promise<void> {
    removing = true;
    for (const { handle } of containers.values()) handle.signal('SIGKILL');
    await Promise.all([...containers.values()].map(({ handle }) => handle.remove()));
    await engine.call('DELETE', path, { query: { force: true, v: true } }).catch(ignoreGone);
    await removeTree(folder);
  }
  try {
    await engine.call('POST', `${path}/start`);
    const { NetworkSettings } = await engine.call<SandboxInspect>('GET', `${path}/json`);
    const ip = NetworkSettings?.Networks?.[network]?.IPAddress;
    if (!ip) throw new Error(`the engine gave the pod no address in its network ${network}`);
    const binds = await writeEtc(folder, spec, ip);
    const lost = engine.call('POST', `${path}/wait`).then(
      () => (removing ? new Promise<void>(() => undefined) : undefined),
      () => (removing ? new Promise<void>(() => undefined) : undefined),
    );
    return {
      id: spec.id,
      ip,
      lost,
      remove,
      async start(container) {
        const target =
          container.processesOf === undefined ? undefined : containers.get(container.processesOf)?.engineId;
        const name = `${nameOf(container.name)}_${container.attempt}`;
        const handle = await startContainer(
          container,
          {
            ...{ sandbox: Id, name, binds },
            labels: { ...labels, 'io.kubernetes.container.name': container.name },
            processesOf: spec.shareProcesses ? Id : target,
          },
          engine,
        );
        containers.set(container.id, { engineId: name, handle });
        return { ...handle, remove: () => handle.remove().then(() => void containers.delete(container.id)) };
      },
      async dial(port) {
        const socket = connect({ host: ip, port, allowHalfOpen: true });
        await once(socket, 'connect');
        return socket;
      },
      async usage(): Promise<Usage | undefined> {
        return sum(await Promise.all([...containers.values()].map(({ handle }) => handle.usage())));
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The files that all containers of a pod have in /etc, as binds. */
async function writeEtc(folder: string, spec: SandboxSpec, ip: string): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const files = Object.entries(etcFiles(spec, ip));
  for (const [name, text] of files) await writeFile(join(folder, name), text, { mode: 0o644 });
  return files.map(([name]) => `${join(folder, name)}:/etc/${name}`);
}
