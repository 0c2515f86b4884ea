import { readFile } from 'node:fs/promises';
import type { Pod } from '../pod.ts';

/** What a pod's /etc/resolv.conf is made from. */
export interface ResolvConfSources {
  /** The cluster's DNS, when pods reach it. */
  clusterDns: string | undefined;
  /** Under which pods reach the machine's resolvers. */
  hostIp: string;
  /** Text of the machine's own resolv.conf. */
  machine: string;
}

interface ResolvConf {
  servers: string[];
  searches: string[];
  options: string[];
}

/** Where a kubelet stops, because a C library does. */
const most = { servers: 3, searches: 32, searchLine: 2_048 };

export const readMachineResolvConf = () => readFile('/etc/resolv.conf', 'utf8').catch(() => '');

/**
 * A pod's /etc/resolv.conf, by its dnsPolicy and dnsConfig as a kubelet makes it. Where a line is longer than a kubelet
 * lets it be, the rest is left out, and `omitted` has the sentences that its Events say.
 */
export function resolvConfOf(pod: Pod, sources: ResolvConfSources): { text: string; omitted: string[] } {
  const wanted = withConfig(byPolicy(pod, sources), pod);
  const servers = wanted.servers.slice(0, most.servers);
  const searches = fitting(wanted.searches);
  const omitted: string[] = [];
  if (servers.length < wanted.servers.length)
    omitted.push(
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(' ')}`,
    );
  if (searches.length < wanted.searches.length)
    omitted.push(
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(' ')}`,
    );
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(wanted.options.length > 0 ? [`options ${wanted.options.join(' ')}`] : []),
  ];
  return { text: `${lines.join('\n')}\n`, omitted };
}

function byPolicy(pod: Pod, { clusterDns, hostIp, machine }: ResolvConfSources): ResolvConf {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = pod.spec ?? {};
  const ofMachine = parse(machine);
  if (dnsPolicy === 'None') return { servers: [], searches: [], options: [] };
  const isCluster = dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork);
  // The machine's resolvers may listen where no pod gets: the node asks them in its place.
  if (!isCluster || clusterDns === undefined)
    return { ...ofMachine, servers: ofMachine.servers.length > 0 ? [hostIp] : [] };
  const { namespace = 'default' } = pod.metadata;
  const own = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'];
  return { servers: [clusterDns], searches: distinct([...own, ...ofMachine.searches]), options: ['ndots:5'] };
}

function withConfig(base: ResolvConf, pod: Pod): ResolvConf {
  const { nameservers = [], searches = [], options = [] } = pod.spec?.dnsConfig ?? {};
  const all = new Map([...base.options].map((option) => [nameOf(option), option]));
  for (const { name, value } of options) all.set(name, value ? `${name}:${value}` : name);
  return {
    servers: distinct([...base.servers, ...nameservers].filter(isWord)),
    searches: distinct([...base.searches, ...searches].filter(isWord)),
    options: [...all.values()].filter(isWord),
  };
}

const nameOf = (option: string) => option.split(':', 1)[0] ?? '';
const distinct = (words: readonly string[]) => [...new Set(words)];
/** Nothing that would begin another line or another word of the file. */
const isWord = (text: string) => text !== '' && !/\s|\0/.test(text);

function fitting(searches: readonly string[]): string[] {
  const kept = searches.slice(0, most.searches);
  while (kept.join(' ').length > most.searchLine) kept.pop();
  return kept;
}

function parse(text: string): ResolvConf {
  const found: ResolvConf = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && words[0]) found.servers.push(words[0]);
    // The last one counts, of either.
    if (keyword === 'search' || keyword === 'domain')
      found.searches = words.map((word) => word.replace(/(.)\.$/, '$1'));
    if (keyword === 'options') found.options = words;
  }
  return found;
}
