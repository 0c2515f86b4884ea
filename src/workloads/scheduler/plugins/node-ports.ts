import { portsOverlap } from '../host-ports.ts';
import { type Plugin, refusal } from '../plugin.ts';

const name = 'NodePorts';
const taken = refusal(name, "node(s) didn't have free ports for the requested pod ports", { final: false });

/** A port of a node is for one pod. */
export const nodePorts: Plugin = {
  name,
  judge({ hostPorts: wanted }) {
    if (wanted.length === 0) return undefined;
    return {
      filter({ hostPorts }) {
        for (const used of hostPorts.keys()) if (wanted.some((want) => portsOverlap(want, used))) return taken;
        return undefined;
      },
    };
  },
  helps: {
    node: ({ old }) => old === undefined,
    pod: ({ before, after }, { hostPorts: wanted }) =>
      !after && (before?.hostPorts ?? []).some((freed) => wanted.some((want) => portsOverlap(want, freed))),
  },
};
