import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from './shell.ts';

/** What connects a pod to this machine. */
export interface Cable {
  /** Name of the machine's end: at most 15 characters. */
  cable: string;
  /** The pod's address. */
  ip: string;
  /** The node's. */
  gateway: string;
}

/**
 * Connects the network namespace of a process to this machine alone: whatever it says to anybody goes through the machine's
 * routing, where it can be filtered, and nobody can speak with an address that is not his.
 */
export function layCable(end: Cable, pid: number): Promise<void> {
  return plugIn(end, `link add ${end.cable} type veth peer name eth0 netns ${pid}`);
}

/**
 * Lets the machine find the pod at a cable that is there, after what has to be done before. Also of a pod that outlived
 * the network of an earlier process: with the node's address its route went.
 */
export async function plugIn({ cable, ip, gateway }: Cable, ...before: string[]): Promise<void> {
  const commands = [...before, `link set ${cable} up`, `route replace ${ip}/32 dev ${cable} src ${gateway}`];
  await runTool('ip', ['-batch', '-'], `${commands.join('\n')}\n`);
  const settings = join('/proc/sys/net/ipv4/conf', cable);
  await writeFile(join(settings, 'rp_filter'), '1');
  await writeFile(join(settings, 'forwarding'), '1');
}

/** The other end, for ip(8) in batch mode. */
export function insideOf({ ip, gateway }: Omit<Cable, 'cable'>): string[] {
  return [
    'link set lo up',
    `addr add ${ip}/32 dev eth0`,
    'link set eth0 up',
    `route add ${gateway} dev eth0 scope link`,
    `route add default via ${gateway}`,
  ];
}
