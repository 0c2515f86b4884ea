import { findTool } from '../detect.ts';
import type { NetworkReservation } from './network.ts';
import { dropTable } from './outside.ts';
import { runTool } from './shell.ts';

/** Rules of connections that begin: who may speak with whom. A chain that comes to its end lets through. */
export interface PolicyChains {
  /** Lines of nft(8), about packets that a pod sends. */
  egress: readonly string[];
  /** About packets that a pod is to get. */
  ingress: readonly string[];
}

/** One instance's table of nftables. */
export interface Firewall {
  /** Why there is none here; undefined when there is. */
  readonly obstacle: string | undefined;
  /** Puts these rules in the place of the ones before, all at once. */
  apply(chains: PolicyChains): Promise<void>;
}

type Network = Pick<NetworkReservation, 'bridge' | 'podCidr' | 'gateway' | 'serviceCidr'>;

/**
 * Makes the instance's table, if nftables works here: closed, until rules are applied for the first time. It goes with the
 * network's reservation.
 */
export async function openFirewall(network: Network): Promise<Firewall> {
  const nft = await findTool('nft');
  if (!nft) return noFirewall('the program nft (package nftables) is not on this machine');
  const apply = async (chains: PolicyChains): Promise<void> =>
    void (await runTool(nft, ['-f', '-'], tableOf(network, chains)));
  try {
    // Until policies are known nobody begins anything: pods may run already, left by an earlier process.
    await apply({ egress: ['drop'], ingress: ['drop'] });
  } catch (error) {
    return noFirewall(`nftables does not work on this machine: ${error instanceof Error ? error.message : error}`);
  }
  return { obstacle: undefined, apply };
}

const noFirewall = (obstacle: string): Firewall => ({ obstacle, apply: () => Promise.reject(new Error(obstacle)) });

/**
 * The whole table. Beside the policies: nobody outside begins a connection to a pod or a ClusterIP, and pods leave this
 * machine under its address.
 */
export function tableOf({ bridge, podCidr, serviceCidr }: Network, { egress, ingress }: PolicyChains): string {
  const pods = `"${bridge}v*"`;
  const chain = (name: string, lines: readonly string[]) => [`chain ${name} {`, ...lines, '}'];
  const lines = [
    `table ip homeport_${bridge} {`,
    ...chain('egress', egress),
    ...chain('ingress', ingress),
    ...chain('forward', [
      'type filter hook forward priority filter; policy accept;',
      `iifname != ${pods} oifname != ${pods} return`,
      'ct state established,related accept',
      `iifname != ${pods} drop`,
      'jump egress',
      `oifname ${pods} jump ingress`,
    ]),
    ...chain('input', [
      'type filter hook input priority filter; policy accept;',
      `iifname != { "lo", "${bridge}" } iifname != ${pods} ip daddr { ${podCidr}, ${serviceCidr} } drop`,
    ]),
    ...chain('postrouting', [
      'type nat hook postrouting priority srcnat; policy accept;',
      `ip saddr ${podCidr} oifname != { "lo", "${bridge}" } oifname != ${pods} masquerade`,
    ]),
    '}',
  ];
  return `${dropTable(bridge)}${lines.join('\n')}\n`;
}
