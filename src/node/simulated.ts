import { isIPv4 } from 'node:net';
import type { ContainerExit, ContainerSpec, RunningContainer, Runtime, Sandbox } from './runtime.ts';

const noPrograms = 'the simulated runtime runs no programs: start Homeport as root on Linux for that';

/** A runtime that only says that pods run: at once, thousands of them, on any machine. */
export function startSimulatedRuntime(): Runtime {
  let serial = 0;
  return {
    name: 'simulated',
    runsPrograms: false,
    filtersSystemCalls: false,
    podCidr: '10.128.0.0/9',
    hostIp: '127.0.0.1',
    takeOver: () => undefined,
    removeSurvivors: async () => undefined,
    async runSandbox(spec) {
      serial = (serial % 0x7ffffd) + 1;
      const address = ((10 << 24) | (128 << 16)) + serial + 1;
      const ip = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
      if (!isIPv4(ip)) throw new Error(`no address for the pod ${spec.namespace}/${spec.name}`);
      return simulatedSandbox(spec.id, ip);
    },
    stop: async () => undefined,
  };
}

function simulatedSandbox(id: string, ip: string): Sandbox {
  return {
    id,
    ip,
    lost: new Promise(() => undefined),
    start: async (spec) => simulatedContainer(spec),
    dial: async () => {
      throw new Error(noPrograms);
    },
    usage: async () => undefined,
    remove: async () => undefined,
  };
}

function simulatedContainer({ id, awaited }: ContainerSpec): RunningContainer {
  const { promise, resolve } = Promise.withResolvers<ContainerExit>();
  const end = (code: number): void => resolve({ code, oomKilled: false, finishedAt: new Date() });
  if (awaited) end(0);
  const refuse = async () => {
    throw new Error(noPrograms);
  };
  return {
    id,
    startedAt: new Date(),
    exited: promise,
    signal: (name) => end(name === 'SIGKILL' ? 137 : 0),
    resize: async () => undefined,
    exec: refuse,
    attach: refuse,
    usage: async () => undefined,
    remove: async () => undefined,
  };
}
