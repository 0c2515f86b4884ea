import type { Logger } from 'pino';
import type { Client, EventRecorder } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import type { VolumeDrivers } from '../../volumes/index.ts';
import type { ImageSource } from '../images.ts';
import type { Pod } from '../pod.ts';
import type { Runtime } from '../runtime.ts';

/** What the workers of pods share. */
export interface KubeletDeps {
  client: Client;
  recorder: EventRecorder;
  log: Logger;
  runtime: Runtime;
  images: ImageSource;
  drivers: VolumeDrivers | undefined;
  /** Folders for what pods leave on disk and in memory, and for their logs. */
  folders: { pods: string; memory: string; logs: string };
  capacity: { cpu: number; memory: number };
  /** Services whose variables a pod gets. */
  servicesFor(pod: Pod): KubeObject[];
  /** The address of the cluster's DNS, once it has one; undefined where pods have no network. */
  clusterDns: Promise<string> | undefined;
  /** Before a pod's containers start: resolves when NetworkPolicies hold for it. */
  admitToNetwork(pod: Pod, address: string): Promise<void>;
  /** The version of Kubernetes that probes and hooks name: '1.34'. */
  kubernetes: string;
}
