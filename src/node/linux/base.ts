import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs';
import { chmod, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What every container on the host base finds in its root, made once an instance: real folders and files for the mounts
 * to land on. It is the uppermost read-only layer, so that no link in an image can lead a mount elsewhere.
 *
 * A start and an exec run a few programs in the container's root before they give up their privileges. So all that the
 * loader and the C library read is mounted there read-only: a container is root in its own root, and cannot change mounts.
 */
export interface HostBase {
  /** The folder used as a layer. */
  readonly folder: string;
  /**
   * The uppermost layer of images with a root of their own: what is mounted into them lands on folders and files of it, and
   * so within the image, whatever links it has there.
   */
  readonly mountPoints: string;
  /** Links that go into /dev. */
  readonly deviceLinks: string;
  /** What is shown of the host, read-only: path on the host and in the container. */
  readonly binds: readonly { from: string; to: string }[];
  /** Paths below /proc and /sys that say or change too much about the machine. */
  readonly maskedFiles: readonly string[];
  readonly maskedFolders: readonly string[];
  readonly readOnlyPaths: readonly string[];
}

/** Of the host's /etc only what programs of /usr cannot do without, and nothing that is about this machine's users. */
const etcFiles = ['ld.so.cache', 'ld.so.conf', 'localtime', 'mime.types', 'protocols', 'services'];
const etcFolders = ['alternatives', 'ld.so.conf.d', 'ssl/certs', 'ca-certificates', 'pki/tls/certs', 'pki/ca-trust'];
const systemFolders = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const group = `root:x:0:
daemon:x:1:
tty:x:5:
nogroup:x:65534:
`;
const nsswitch = `passwd: files
group: files
hosts: files dns
services: files
protocols: files
`;

/** Makes the host base in a folder that is not there yet. */
export async function makeHostBase(dir: string): Promise<HostBase> {
  const folder = join(dir, 'base');
  for (const name of [
    'proc',
    'sys',
    'dev',
    'etc',
    'tmp',
    'run',
    'var/tmp',
    'var/log',
    'root',
    'home',
    'mnt',
    'opt/homeport/bin',
  ]) {
    await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  }
  for (const name of ['tmp', 'var/tmp']) await chmod(join(folder, name), 0o1777);
  await chmod(join(folder, 'root'), 0o700);
  await symlink('/run', join(folder, 'var/run'));
  const files = { passwd, group, hosts: '', hostname: '', 'resolv.conf': '' };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, 'etc', name), text, { mode: 0o644 });

  const binds: { from: string; to: string }[] = [];
  for (const [name, text] of Object.entries({ ...loaderFiles(), 'nsswitch.conf': nsswitch })) {
    await writeFile(join(folder, 'etc', name), text, { mode: 0o644 });
    binds.push({ from: join(folder, 'etc', name), to: `etc/${name}` });
  }
  for (const name of systemFolders) await showSystemFolder(folder, name, binds);
  for (const name of etcFiles) {
    if (!isFile(`/etc/${name}`)) continue;
    await writeFile(join(folder, 'etc', name), '');
    binds.push({ from: `/etc/${name}`, to: `etc/${name}` });
  }
  for (const name of etcFolders) {
    if (!existsSync(`/etc/${name}`)) continue;
    await mkdir(join(folder, 'etc', name), { recursive: true });
    binds.push({ from: `/etc/${name}`, to: `etc/${name}` });
  }
  await writeFile(join(folder, 'opt/homeport/bin/node'), '', { mode: 0o755 });
  binds.push({ from: process.execPath, to: 'opt/homeport/bin/node' });
  const mountPoints = await makeMountPoints(dir);
  return { folder, mountPoints, deviceLinks: await makeDeviceLinks(dir), binds, ...masks() };
}

/** /bin and its like are links into /usr on most systems; a link in its place could be turned elsewhere. */
async function showSystemFolder(folder: string, name: string, binds: { from: string; to: string }[]): Promise<void> {
  const from = await realpath(`/${name}`).catch(() => undefined);
  if (from === undefined) return;
  await mkdir(join(folder, name));
  binds.push({ from, to: name });
}

/** Files that make a loader load more: empty ones, or its defaults. The cache of glibc's is the host's. */
function loaderFiles(): Record<string, string> {
  const musl = readdirSync('/lib').flatMap((name) => /^ld-(musl-[\w-]+)\.so\.1$/.exec(name)?.[1] ?? []);
  return {
    'ld.so.preload': '',
    ...(existsSync('/etc/ld.so.cache') ? {} : { 'ld.so.cache': '' }),
    ...Object.fromEntries(musl.map((name) => [`ld-${name}.path`, '/lib\n/usr/local/lib\n/usr/lib\n'])),
  };
}

/** Files of a pod that every container finds in its /etc. */
export const podFiles = ['hosts', 'hostname', 'resolv.conf'] as const;

async function makeMountPoints(dir: string): Promise<string> {
  const folder = join(dir, 'mount-points');
  for (const name of ['proc', 'sys', 'dev', 'etc']) await mkdir(join(folder, name), { recursive: true, mode: 0o755 });
  for (const name of podFiles) await writeFile(join(folder, 'etc', name), '', { mode: 0o644 });
  return folder;
}

async function makeDeviceLinks(dir: string): Promise<string> {
  const links = join(dir, 'device-links');
  await mkdir(links, { recursive: true });
  const targets = {
    fd: '/proc/self/fd',
    stdin: '/proc/self/fd/0',
    stdout: '/proc/self/fd/1',
    stderr: '/proc/self/fd/2',
    ptmx: 'pts/ptmx',
  };
  for (const [name, target] of Object.entries(targets)) await symlink(target, join(links, name));
  for (const name of ['pts', 'shm', 'mqueue']) await mkdir(join(links, name));
  return links;
}

function masks(): Pick<HostBase, 'maskedFiles' | 'maskedFolders' | 'readOnlyPaths'> {
  const there = (paths: string[]) => paths.filter((path) => existsSync(path));
  const files = [
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/timer_list',
    '/proc/sched_debug',
    '/proc/kmsg',
  ];
  return {
    maskedFiles: there(files).filter((path) => !lstatSync(path).isDirectory()),
    maskedFolders: there(['/proc/acpi', '/proc/scsi', '/sys/firmware', '/sys/devices/virtual/powercap']),
    readOnlyPaths: there(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']),
  };
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}
