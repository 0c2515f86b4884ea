import { startHomeport, type TestHomeport } from '../../test/support/homeport.ts';
import { createLoadClient, type Load, type LoadClient } from './load.ts';
import { findPeer } from './peer.ts';
import { cpuSeconds } from './process.ts';

/** One API server under load. */
export interface Target {
  name: string;
  client: LoadClient;
  /** Its processes; none when they are out of reach. */
  pids: readonly number[];
  /** From the start of its processes to its first answer, in ms, where that is known. */
  ready: number | undefined;
  stop(): Promise<void>;
}

/** Homeport as a user starts it (TLS, durable, every controller running, simulated pods), and the peer if there is one. */
export async function startTargets(): Promise<Target[]> {
  const began = performance.now();
  const homeport = await startHomeport(['--runtime', 'simulated', '--log-level', 'error']);
  const ready = performance.now() - began;
  try {
    const own = targetOf('Homeport', homeport.status.kubeconfig, [homeport.status.pid], ready, homeport.stop);
    const peer = await findPeer(homeport);
    return peer ? [own, targetOf(peer.name, peer.kubeconfig, peer.pids, peer.ready, peer.stop)] : [own];
  } catch (error) {
    await homeport.stop();
    throw error;
  }
}

function targetOf(
  name: string,
  kubeconfig: string,
  pids: readonly number[],
  ready: number | undefined,
  end: TestHomeport['stop'],
): Target {
  const client = createLoadClient(kubeconfig);
  async function stop(): Promise<void> {
    client.close();
    await end();
  }
  return { name, client, pids, ready, stop };
}

/** A load, and the CPU time that the server took for an operation, in ms (or seconds for 1,000 operations). */
export interface MeasuredLoad extends Load {
  /** NaN when the server's processes are out of reach. */
  cpu: number;
}

/** Puts a target under a load. CPU time stays comparable on a machine that others use as well; rates do not. */
export async function measure(
  { client, pids }: Target,
  ...[clients, count, call]: Parameters<LoadClient['load']>
): Promise<MeasuredLoad> {
  const before = cpuSeconds(pids);
  const load = await client.load(clients, count, call);
  const cpu = pids.length === 0 ? Number.NaN : ((cpuSeconds(pids) - before) / count) * 1000;
  return { ...load, cpu };
}
