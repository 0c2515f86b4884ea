import { writeFile } from 'node:fs/promises';
import { findTool } from '../detect.ts';
import { runTool } from './shell.ts';

/** How pods of one instance get out of this machine. */
export interface Outside {
  /** Why they do not; undefined when they do. */
  readonly obstacle: string | undefined;
}

/** What of an instance's reservation counts here. */
interface Network {
  index: number;
  bridge: string;
  podCidr: string;
}

/** The pods of all instances on a machine. */
const allPods = '10.244.0.0/17';
/** Marks an instance's rules of ip-rule(8), so that they can be taken back without knowing them. */
const protocolOf = (index: number) => String(128 + index);
const priorityOf = (index: number) => 20_000 + 2 * index;

/**
 * Lets pods out, behind this machine's address, where something can translate addresses: nftables, which the firewall has
 * set up already, or iptables. Without either, what a pod sends to somebody outside is refused at once.
 * @param translated whether nftables translates.
 */
export async function openOutside(network: Network, translated: boolean): Promise<Outside> {
  const { index, podCidr } = network;
  const iptables = await findTool('iptables');
  const blocked = iptables ? await useIptables(iptables, network, !translated) : undefined;
  const obstacle =
    translated || (iptables && blocked === undefined)
      ? undefined
      : (blocked ?? 'neither nft (package nftables) nor iptables is on this machine');
  // Pods of other instances are outside, too, and nobody translates for them.
  const closed = obstacle === undefined ? `to ${allPods} ` : '';
  const common = `protocol ${protocolOf(index)} from ${podCidr}`;
  const rules = [
    `rule flush protocol ${protocolOf(index)}`,
    `rule add priority ${priorityOf(index)} ${common} to ${podCidr} lookup main`,
    `rule add priority ${priorityOf(index) + 1} ${common} ${closed}unreachable`,
  ];
  await runTool('ip', ['-batch', '-'], `${rules.join('\n')}\n`);
  // Answers come in at devices of which nobody knows yet: a laptop finds other networks. As other container software does.
  if (obstacle === undefined) await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  return { obstacle };
}

/** Takes back what an instance has set up, or one that died; whatever of it is there. */
export async function forgetOutside(network: Network): Promise<void> {
  await runTool('ip', ['rule', 'flush', 'protocol', protocolOf(network.index)]);
  const iptables = await findTool('iptables');
  if (iptables) await removeRules(iptables, network);
  const nft = await findTool('nft');
  if (nft) await runTool(nft, ['-f', '-'], dropTable(network.bridge)).catch(() => undefined); // Nor was nftables.
}

/** Without an error when the table is not there: it is made first. */
export function dropTable(bridge: string): string {
  return `table ip homeport_${bridge}\ndelete table ip homeport_${bridge}\n`;
}

/** @returns what is in the way */
async function useIptables(iptables: string, network: Network, translate: boolean): Promise<string | undefined> {
  try {
    await removeRules(iptables, network);
    for (const [table, chain, ...rule] of iptablesRules(network, translate)) {
      // First of all: other software lets nothing through that it does not know.
      await runTool(iptables, ['-w', '-t', table, '-I', chain, ...rule]);
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Those that are there, as an earlier process has set them up. */
async function removeRules(iptables: string, network: Network): Promise<void> {
  for (const [table, chain, ...rule] of iptablesRules(network, true))
    await runTool(iptables, ['-w', '-t', table, '-D', chain, ...rule]).catch(() => undefined); // It was not there.
}

/** Table, chain and rule; each is inserted before the ones above it. */
function iptablesRules({ bridge, podCidr }: Network, translate: boolean): [string, string, ...string[]][] {
  const pods = `${bridge}v+`;
  const rules: [string, string, ...string[]][] = [
    ['filter', 'FORWARD', '!', '-i', pods, '-o', pods, '-j', 'DROP'],
    ['filter', 'FORWARD', '-o', pods, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    ['filter', 'FORWARD', '-i', pods, '-j', 'ACCEPT'],
  ];
  if (translate) rules.push(['nat', 'POSTROUTING', '-s', podCidr, '!', '-o', pods, '-j', 'MASQUERADE']);
  return rules;
}
