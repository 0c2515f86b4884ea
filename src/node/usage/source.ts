import { cpus, freemem, totalmem } from 'node:os';
import type { MeasuredUsage, UsageSource } from '../../client/index.ts';
import type { Kubelet } from '../kubelet/kubelet.ts';
import type { PodWorker } from '../kubelet/pod-worker.ts';
import type { Runtime, Usage } from '../runtime.ts';
import { createMeter, type Meter } from './meter.ts';
import { usageOfSimulated } from './simulated.ts';

/** Tells what the pods of a node use, and the machine: measured, or for simulated pods what their annotations say. */
export function createUsageSource(kubelet: Kubelet, runtime: Runtime): UsageSource {
  const meter = createMeter();
  const machine = {};
  return {
    nodeUsage: () => meter.measure(machine, machineUsage),
    async podUsage({ namespace, pod }) {
      const worker = kubelet.find(namespace, pod);
      if (!worker) return undefined;
      const running = runningOf(worker);
      if (running.length === 0) return undefined;
      return runtime.name === 'simulated' ? usageOfSimulated(worker.pod(), running) : measured(meter, worker, running);
    },
  };
}

function runningOf(worker: PodWorker): string[] {
  const { containers = [], initContainers = [] } = worker.pod().spec ?? {};
  const names = [...containers, ...initContainers].map(({ name }) => name);
  return names.filter((name) => worker.running(name) !== undefined);
}

async function measured(
  meter: Meter,
  worker: PodWorker,
  names: readonly string[],
): Promise<ReadonlyMap<string, MeasuredUsage> | undefined> {
  const all = await Promise.all(
    names.map(async (name) => {
      const container = worker.running(name);
      const usage = container && (await meter.measure(container, () => container.usage()));
      // One that has ended meanwhile uses nothing; of one that cannot be measured, nothing true can be said of the pod.
      return { name, usage, ended: worker.running(name) !== container };
    }),
  );
  if (all.some(({ usage, ended }) => !usage && !ended)) return undefined;
  return new Map(all.flatMap(({ name, usage }) => (usage ? [[name, usage] as const] : [])));
}

/** What the machine has used since it was started: its CPUs whenever they were not idle. */
async function machineUsage(): Promise<Usage> {
  const busy = cpus().reduce((total, { times: { user, nice, sys, irq } }) => total + user + nice + sys + irq, 0);
  return { cpuNanos: busy * 1e6, memoryBytes: totalmem() - freemem() };
}
