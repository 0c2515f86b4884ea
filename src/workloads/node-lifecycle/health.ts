import type { KubeObject } from '../../machinery/index.ts';
import type { Node } from '../types.ts';

/** The fields of a coordination.k8s.io/v1 Lease that tell whether its node is alive. */
export type Lease = KubeObject<{ renewTime?: string; leaseDurationSeconds?: number }>;

/** How long a node may be silent, in milliseconds. */
export interface Patience {
  monitor: number;
  /** Before it has said for the first time how it is. */
  startup: number;
}

/** kube-controller-manager's. */
export const usualPatience: Patience = { monitor: 50_000, startup: 60_000 };

/** A lease of 40 seconds, as kubelets have it, is missed after 50: one that is renewed less often has as much to spare. */
const spare = 10_000;

/** How late a look may be, in milliseconds, before the fault is taken to be ours. */
const lateness = 5000;

/** When nodes were last heard of, by this process's clock: those of others may differ. */
export interface HealthRecords {
  /** Takes in what a node and its lease say now. Returns in how many milliseconds it will have been silent for too long. */
  look(node: Node, lease: Lease | undefined): number;
  forget(name: string): void;
}

interface Health {
  uid: string | undefined;
  /** What the node said last. */
  said: string;
  heardAt: number;
  /** When the next look is due. */
  dueAt: number;
}

export function createHealthRecords(patience: Patience, now = () => performance.now()): HealthRecords {
  const records = new Map<string, Health>();
  return {
    look(node, lease) {
      const { name, uid } = node.metadata;
      const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
      const said = `${lease?.spec?.renewTime} ${ready?.lastHeartbeatTime}`;
      const at = now();
      let health = records.get(name);
      if (!health || health.uid !== uid || health.said !== said) {
        health = { uid, said, heardAt: at, dueAt: Number.POSITIVE_INFINITY };
        records.set(name, health);
      }
      // A process that was stopped for a while has heard of nobody, and is to give the nodes in it time to speak.
      if (at > health.dueAt + lateness) health.heardAt = at;
      const leased = (lease?.spec?.leaseDurationSeconds ?? 0) * 1000 + spare;
      const grace = ready ? Math.max(patience.monitor, lease ? leased : 0) : patience.startup;
      const left = health.heardAt + grace - at;
      health.dueAt = left > 0 ? at + left : Number.POSITIVE_INFINITY;
      return left;
    },
    forget: (name) => void records.delete(name),
  };
}
