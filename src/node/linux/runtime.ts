import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { removeTree } from '../remove-tree.ts';
import type { Runtime, Sandbox } from '../runtime.ts';
import { makeHostBase } from './base.ts';
import { openCgroups } from './cgroup.ts';
import type { NetworkReservation } from './network.ts';
import { createPipePool } from './pipes.ts';
import { createSandbox } from './sandbox.ts';
import { openState } from './state.ts';

/** The linux runtime's extra doors for the kubelet. */
export interface LinuxRuntime extends Runtime {
  /** A folder in memory for secrets. */
  readonly memoryDir: string;
}

/**
 * Runs pods as processes of this machine in namespaces of their own, through util-linux and iproute2. What an earlier
 * process left behind in the same data folder is cleaned up first.
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
  await state.record(cgroups.folders);
  if (cgroups.obstacle) log.warn({ reason: cgroups.obstacle }, 'limits of memory and CPU are not enforced');
  const base = await makeHostBase(state.dir);
  const pipes = createPipePool(state.memoryDir);
  const addresses = createAddresses(network.podCidr);
  const sandboxes = new Set<Sandbox>();
  return {
    name: 'linux',
    runsPrograms: true,
    podCidr: network.podCidr,
    hostIp: network.gateway,
    memoryDir: state.memoryDir,
    async runSandbox(spec) {
      const { ip, number } = addresses.take();
      try {
        const sandbox = await createSandbox(spec, {
          base,
          cgroups,
          pipes,
          memoryDir: state.memoryDir,
          dir: state.sandboxes,
          gateway: network.gateway,
          cable: `${network.bridge}v${number}`,
          ip,
        });
        const tracked: Sandbox = {
          ...sandbox,
          async remove() {
            await sandbox.remove();
            if (sandboxes.delete(tracked)) addresses.give(number);
          },
        };
        sandboxes.add(tracked);
        return tracked;
      } catch (error) {
        addresses.give(number);
        throw error;
      }
    },
    async stop() {
      await Promise.all([...sandboxes].map((sandbox) => sandbox.remove()));
      await cgroups.remove();
      await removeTree(state.memoryDir);
    },
  };
}

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
    give: (number: number) => void free.push(number),
  };
}
