import { readFile } from 'node:fs/promises';
import type { Pod } from '../pod.ts';

const line = (text: string) => !/[\r\n\0]/.test(text);

/** A pod's /etc/resolv.conf: the machine's own with the pod's dnsConfig; there is no cluster DNS yet. */
export async function resolvConfOf(pod: Pod): Promise<string> {
  const { dnsConfig, dnsPolicy } = pod.spec ?? {};
  const host = dnsPolicy === 'None' ? '' : await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const lines = host.split('\n').filter((each) => /^(?:nameserver|search|options)\s/.test(each));
  for (const server of dnsConfig?.nameservers ?? []) lines.push(`nameserver ${server}`);
  if (dnsConfig?.searches?.length) lines.push(`search ${dnsConfig.searches.join(' ')}`);
  for (const { name, value } of dnsConfig?.options ?? [])
    lines.push(`options ${value === undefined ? name : `${name}:${value}`}`);
  return `${lines.filter(line).join('\n')}\n`;
}
