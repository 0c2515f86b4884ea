import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { createTurns } from '../../host/index.ts';
import { removeTree } from '../remove-tree.ts';
import type { Runtime, Sandbox, Survivor } from '../runtime.ts';
import { makeHostBase } from './base.ts';
import { openCgroups } from './cgroup.ts';
import type { NetworkReservation } from './network.ts';
import { createPipePool } from './pipes.ts';
import type { Found } from './records.ts';
import { adoptSandbox, createSandbox, type SandboxHost } from './sandbox.ts';
import { endSandbox, openState } from './state.ts';

/** The linux runtime's extra doors for the kubelet. */
export interface LinuxRuntime extends Runtime {
  /** A folder in memory for secrets. */
  readonly memoryDir: string;
}

/**
 * Runs pods as processes of this machine in namespaces of their own, through util-linux and iproute2. What an earlier
 * process of the same data folder has left running is there to be taken over; what is over is cleaned up first.
 */
export async function startLinuxRuntime(options: {
  dataDir: string;
  network: NetworkReservation;
  log: Logger;
}): Promise<LinuxRuntime> {
  const { network, log } = options;
  // Node reads the authorities of NODE_EXTRA_CA_CERTS in a thread, from a file that a process started meanwhile would
  // inherit. This waits for it; the server's certificate needs them read, too.
  createSecureContext();
  const state = await openState(options.dataDir);
  const cgroups = await openCgroups(state.instance, state.others);
  if (cgroups.obstacle) log.warn({ reason: cgroups.obstacle }, 'limits of memory and CPU are not enforced');
  const addresses = createAddresses(network.podCidr);
  const sandboxes = new Set<Sandbox>();
  const turns = createTurns(startsPerCpu * availableParallelism());
  const bases = join(state.dir, 'bases');
  if (state.found.length === 0) await removeTree(bases);
  const host: SandboxHost = {
    // A new one each time: containers that are taken over stand on an older one.
    base: await makeHostBase(join(bases, randomBytes(4).toString('hex'))),
    cgroups,
    pipes: createPipePool(state.memoryDir),
    memoryDir: state.memoryDir,
    dir: state.sandboxes,
    records: state.records,
    gateway: network.gateway,
  };

  function track(sandbox: Sandbox, number: number): Sandbox {
    const tracked: Sandbox = {
      ...sandbox,
      // A pod that was begun is finished first: of many pods, some are then up early, and all no later.
      start: (spec) => turns.take(() => sandbox.start(spec), true),
      async remove() {
        await sandbox.remove();
        if (sandboxes.delete(tracked)) addresses.give(number);
      },
    };
    sandboxes.add(tracked);
    return tracked;
  }

  /** Sandboxes that nobody has taken over yet, by the pod. */
  const survivors = new Map<string, Survivor>();
  for (const found of state.found) {
    const survivor = await survivorOf(found);
    if (survivor) survivors.set(survivor.uid, survivor);
    else await endSandbox(found);
  }
  await removeStrangers();

  async function survivorOf(found: Found): Promise<Survivor | undefined> {
    const record = found.sandbox;
    // With another range its address is worth nothing.
    if (!record || survivors.has(record.spec.uid) || !addresses.takeThis(record.number, record.ip)) return undefined;
    try {
      const { sandbox, containers } = await adoptSandbox(found, record, host);
      return {
        uid: record.spec.uid,
        sandbox: track(sandbox, record.number),
        containers: containers.map(({ spec, resume }) => ({ spec, resume })),
      };
    } catch (error) {
      log.warn({ pod: record.spec.name, error: messageOf(error) }, 'taking over a pod that was left running');
      addresses.give(record.number);
      return undefined;
    }
  }

  /** Folders and control groups of sandboxes that are over. */
  async function removeStrangers(): Promise<void> {
    const alive = new Set([...sandboxes].map(({ id }) => id));
    const groups = new Set(
      [...survivors.values()].flatMap(({ sandbox, containers }) =>
        containers.map(({ spec }) => `${sandbox.id}-${spec.id.slice(0, 16)}`),
      ),
    );
    await cgroups.removeOthers(groups);
    for (const name of await readdir(state.sandboxes)) {
      if (!alive.has(name)) await removeTree(join(state.sandboxes, name));
    }
  }

  async function removeSurvivors(): Promise<void> {
    const rest = [...survivors.values()];
    survivors.clear();
    for (const { containers } of rest) for (const { resume } of containers) resume(() => undefined);
    await Promise.all(rest.map(({ sandbox }) => sandbox.remove()));
  }

  return {
    name: 'linux',
    runsPrograms: true,
    filtersSystemCalls: false,
    podCidr: network.podCidr,
    hostIp: network.gateway,
    memoryDir: state.memoryDir,
    takeOver(uid) {
      const survivor = survivors.get(uid);
      survivors.delete(uid);
      return survivor;
    },
    removeSurvivors,
    async runSandbox(spec) {
      const { ip, number } = addresses.take();
      try {
        const address = { ip, number, cable: `${network.bridge}v${number}` };
        return track(await turns.take(() => createSandbox(spec, host, address)), number);
      } catch (error) {
        addresses.give(number);
        throw error;
      }
    },
    async stop() {
      await removeSurvivors();
      await Promise.all([...sandboxes].map((sandbox) => sandbox.remove()));
      await cgroups.remove();
      await removeTree(bases);
      await removeTree(state.memoryDir);
    },
  };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** A start is a dozen short programs in a row: more of them at once only wait for each other. */
const startsPerCpu = 4;

/** Hands out the addresses of a /24 in turn, so that one is not used again soon after it was given back. */
function createAddresses(cidr: string) {
  const prefix = cidr.slice(0, cidr.lastIndexOf('.'));
  const free = Array.from({ length: 253 }, (_, at) => at + 2);
  return {
    take() {
      const number = free.shift();
      if (number === undefined) throw new Error(`all 253 addresses of ${cidr} are in use by pods`);
      return { number, ip: `${prefix}.${number}` };
    },
    /** Whether this very one was free. */
    takeThis(number: number, ip: string): boolean {
      const at = free.indexOf(number);
      if (at < 0 || ip !== `${prefix}.${number}`) return false;
      free.splice(at, 1);
      return true;
    },
    give: (number: number) => void free.push(number),
  };
}
