import { readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTime } from '../../host/index.ts';
import { forgetOutside } from './outside.ts';
import { runTool } from './shell.ts';

/** The part of this machine's network that one instance of Homeport has for itself. */
export interface NetworkReservation {
  /** The device with the node's address and the ClusterIPs: 'hp3'. The cables of its pods are named after it: 'hp3v7'. */
  readonly bridge: string;
  /** The instance's number on this machine: 0 to 127. */
  readonly index: number;
  /** '10.244.3.0/24' */
  readonly podCidr: string;
  /** The bridge's own address: '10.244.3.1'. */
  readonly gateway: string;
  /** A range for ClusterIPs that no other instance on this machine uses: 10.96.0.0/16 for the first one. */
  readonly serviceCidr: string;
  /** Takes the bridge down; once, however often it is called. */
  release(): Promise<void>;
}

const mostInstances = 128;

interface Link {
  ifname: string;
  ifalias?: string;
}

/** Which data folder has which number, for all of this machine. */
const machineClaims = '/var/lib/homeport/networks';

/**
 * Reserves a bridge with a range of Pod IPs and one of ClusterIPs. Making the bridge is the reservation: the kernel lets
 * only one instance have a name. Services keep their ClusterIPs, so an instance keeps its number: the data folder
 * remembers it, and a claim on the machine keeps others away from it while the instance is down, for as long as the data
 * folder is there. Bridges of instances that died are removed first.
 * @throws Error when all numbers are taken or bridges cannot be made.
 */
export async function reserveNetwork(options: { dataDir: string; claims?: string }): Promise<NetworkReservation> {
  const { claims = machineClaims } = options;
  await mkdir(join(options.dataDir, 'node'), { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const remembered = await readIndex(dataDir);
  await removeLeftovers();
  const taken = await takenRanges();
  const claimed = await claimedByOthers(claims, dataDir);
  const all = [...Array(mostInstances).keys()];
  const first = remembered === undefined || claimed.has(remembered) ? [] : [remembered];
  // A number that is claimed and not in use is better than none.
  const candidates = new Set([...first, ...all.filter((index) => !claimed.has(index)), ...all]);
  for (const index of candidates) {
    if (overlaps(taken, index) || !(await makeBridge(index))) continue;
    await writeFile(recordOf(dataDir), JSON.stringify({ index }));
    await claim(claims, index, dataDir);
    return reservation(index);
  }
  throw new Error(`reserving a network: all ${mostInstances} ranges from 10.244.0.0/24 on are in use on this machine`);
}

/** Numbers of other data folders that still are there; claims of those that are gone are removed. */
async function claimedByOthers(claims: string, dataDir: string): Promise<Set<number>> {
  const found = new Set<number>();
  for (const name of await readdir(claims).catch(() => [])) {
    const owner = await readFile(join(claims, name), 'utf8').catch(() => '');
    if (owner === dataDir) continue;
    if (String(await readIndex(owner)) === name) found.add(Number(name));
    else await rm(join(claims, name), { force: true });
  }
  return found;
}

async function claim(claims: string, index: number, dataDir: string): Promise<void> {
  try {
    await mkdir(claims, { recursive: true, mode: 0o755 });
    await writeFile(join(claims, String(index)), dataDir, { mode: 0o600 });
  } catch (error) {
    // On a machine that is read-only the claim lasts as long as the bridge does.
    if (!(error instanceof Error && 'code' in error && ['EROFS', 'EACCES', 'EPERM'].includes(String(error.code))))
      throw error;
  }
}

const recordOf = (dataDir: string) => join(dataDir, 'node', 'network.json');

function reservation(index: number): NetworkReservation {
  const part = partOf(index);
  let released: Promise<unknown> | undefined;
  return {
    ...part,
    async release() {
      released ??= forgetOutside(part).then(() => runTool('ip', ['link', 'delete', part.bridge]));
      await released;
    },
  };
}

/** What an instance with this number has on this machine. */
const partOf = (index: number) => ({
  bridge: `hp${index}`,
  index,
  podCidr: `10.244.${index}.0/24`,
  gateway: `10.244.${index}.1`,
  serviceCidr: `10.${96 + index}.0.0/16`,
});

async function readIndex(dataDir: string): Promise<number | undefined> {
  try {
    const { index } = JSON.parse(await readFile(recordOf(dataDir), 'utf8'));
    return Number.isInteger(index) && index >= 0 && index < mostInstances ? index : undefined;
  } catch (error) {
    // A record that is missing or damaged only costs the instance its old addresses.
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return undefined;
    throw error;
  }
}

async function makeBridge(index: number): Promise<boolean> {
  const { bridge: name, gateway } = partOf(index);
  try {
    await runTool('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
  } catch (error) {
    if (error instanceof Error && error.message.includes('File exists')) return false;
    throw new Error(`making the bridge ${name} for pods: ${error instanceof Error ? error.message : error}`);
  }
  const commands = [`link set ${name} alias "${owner()}"`, `addr add ${gateway}/32 dev ${name}`, `link set ${name} up`];
  await runTool('ip', ['-batch', '-'], commands.join('\n'));
  return true;
}

/** Who owns a bridge, kept in the kernel beside it: process, its start, and the PID namespace in which that is true. */
function owner(): string {
  return `homeport ${process.pid} ${startTime(process.pid)} ${readlinkSync('/proc/self/ns/pid')}`;
}

async function removeLeftovers(): Promise<void> {
  const links: Link[] = JSON.parse((await runTool('ip', ['-json', 'link', 'show'])) || '[]');
  const here = readlinkSync('/proc/self/ns/pid');
  for (const link of links) {
    const [mark, pid, start, namespace] = link.ifalias?.split(' ') ?? [];
    if (!/^hp\d+$/.test(link.ifname) || mark !== 'homeport' || namespace !== here) continue;
    if (startTime(Number(pid)) === start) continue;
    // Pods that outlived it stay behind its rules, until it starts again and makes them anew.
    const hasPods = links.some(({ ifname }) => ifname.startsWith(`${link.ifname}v`));
    if (!hasPods) await forgetOutside(partOf(Number(link.ifname.slice(2))));
    await runTool('ip', ['link', 'delete', link.ifname]).catch((error: Error) => {
      // Another instance that starts now may have removed it first.
      if (!error.message.includes('Cannot find device')) throw error;
    });
  }
}

/** Destinations in this machine's routing table, as [first address, last address]. */
async function takenRanges(): Promise<[number, number][]> {
  const rows = readFileSync('/proc/net/route', 'latin1').split('\n').slice(1);
  const ranges: [number, number][] = [];
  for (const row of rows) {
    const [name = '', destination = '', , , , , , mask = ''] = row.split(/\s+/);
    const first = littleEndian(destination);
    const size = 2 ** 32 - littleEndian(mask);
    // A default route covers everything and takes nothing; our own devices say by their name what they take.
    if (destination !== '' && mask !== '00000000' && !/^hp\d+(?:v\d+)?$/.test(name))
      ranges.push([first, first + size - 1]);
  }
  return ranges;
}

function littleEndian(hex: string): number {
  return Buffer.from(hex.padStart(8, '0'), 'hex').readUInt32LE();
}

function overlaps(taken: [number, number][], index: number): boolean {
  const pods = (10 << 24) | (244 << 16) | (index << 8);
  const services = ((10 << 24) | ((96 + index) << 16)) >>> 0;
  const wanted: [number, number][] = [
    [pods >>> 0, (pods >>> 0) + 255],
    [services, services + 65535],
  ];
  return wanted.some(([first, last]) => taken.some(([from, to]) => first <= to && from <= last));
}
