import { posix } from 'node:path';
import type { ContainerSpec, Mount } from '../runtime.ts';
import type { HostBase } from './base.ts';
import { launchWords } from './launch.ts';
import { quote } from './shell.ts';

export interface RootPlan {
  base: HostBase;
  /** The container's own folder, with `root`, `upper` and `work` in it and links `l0`, `l1`, … to its layers. */
  folder: string;
  /** Folder with this pod's hosts, hostname and resolv.conf. */
  etc: string;
  /** The name under which the host's root is seen during set-up: unguessable, so that no link in an image leads there. */
  oldRoot: string;
}

/**
 * The script that builds a container's root as process 1 of its new PID and mount namespaces, and then becomes the
 * program. It reports on descriptor 5: 'pid N' at first (its id on the host), 'root' when the root is built, 'ok' when the
 * program comes next; anything else is what went wrong.
 */
export function setupScript(spec: ContainerSpec, plan: RootPlan): string {
  const { folder, oldRoot } = plan;
  const links = spec.layers.map((_, at) => `l${at}`).reverse();
  const lower = ['base', ...links].join(':');
  const lines = [
    'set -e',
    'exec 4<&-',
    'umask 022',
    'read -r pid rest </proc/self/stat',
    'echo "pid $pid" >&5',
    // From here on, complaints of mount(8) and its like are the report.
    'exec 6>&2 2>&5',
    `cd ${quote(folder)}`,
    // Where the data folder's file system cannot carry an overlay's upper layer, memory does.
    `mount -t overlay overlay -o lowerdir=${lower},upperdir=upper,workdir=work root 2>/dev/null || {`,
    '  mount -t tmpfs -o mode=755 tmpfs spare',
    `  mkdir -p spare/upper/${oldRoot} spare/work`,
    `  mount -t overlay overlay -o lowerdir=${lower},upperdir=spare/upper,workdir=spare/work root`,
    '}',
    'mount -a -T system',
    `cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty ${quote(`${plan.base.deviceLinks}/.`)} root/dev/`,
    'mount -a -T devices',
    // The terminal's name is in the host's devpts; here it is found as the console.
    ...(spec.tty ? [': >root/dev/console', 'mount --bind "$(readlink /proc/self/fd/0)" root/dev/console'] : []),
    'cd root',
    `pivot_root . ${oldRoot}`,
    'cd /',
    ...volumeSteps(spec.mounts, oldRoot),
    `mkdir -p -- ${quote(spec.workingDir)}`,
    'cd /',
    `umount -l /${oldRoot}`,
    `rmdir /${oldRoot}`,
    ...(spec.readOnlyRoot ? ['mount -o remount,bind,ro /'] : []),
    'echo root >&5',
    'exec 2>&6 6>&-',
    // On a terminal the program leads a session of its own: the one outside its PID namespace is no use for job control.
    `exec ${[...(spec.tty ? ['setsid', '-c'] : []), ...launchWords(spec)].map(quote).join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** A file in the form of fstab(5), for one call of mount(8): each process costs a millisecond, and a start has some twenty mounts. */
function mountTable(rows: readonly Row[]): string {
  const field = (text: string) => text.replace(/[\s\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return rows.map(([from, to, type, options]) => `${field(from)} ${field(to)} ${type} ${options} 0 0\n`).join('');
}

/** The tables that the script expects as files `system` and `devices` in the container's folder. */
export function mountTables(plan: RootPlan): { system: string; devices: string } {
  const root = `${plan.folder}/root`;
  return { system: mountTable(systemMounts(root, plan)), devices: mountTable(deviceMounts(root)) };
}

/** Source, target, type, options. */
type Row = [string, string, string, string];

function systemMounts(root: string, plan: RootPlan): Row[] {
  const { base } = plan;
  const at = (path: string) => posix.join(root, path);
  return [
    ...base.binds.map(({ from, to }): Row => [from, at(to), 'none', 'bind,ro,nosuid']),
    ['proc', at('proc'), 'proc', 'nosuid,nodev,noexec'],
    ...base.readOnlyPaths.map((path): Row => [at(path), at(path), 'none', 'bind,ro']),
    ...base.maskedFiles.map((path): Row => ['/dev/null', at(path), 'none', 'bind']),
    ['sysfs', at('sys'), 'sysfs', 'ro,nosuid,nodev,noexec'],
    ...base.maskedFolders.map((path): Row => ['tmpfs', at(path), 'tmpfs', 'ro,size=0']),
    ['tmpfs', at('dev'), 'tmpfs', 'nosuid,mode=755,size=64k'],
    ...['hosts', 'hostname', 'resolv.conf'].map(
      (name): Row => [`${plan.etc}/${name}`, at(`etc/${name}`), 'none', 'bind'],
    ),
  ];
}

function deviceMounts(root: string): Row[] {
  const at = (path: string) => posix.join(root, 'dev', path);
  return [
    ['devpts', at('pts'), 'devpts', 'newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec'],
    ['shm', at('shm'), 'tmpfs', 'nosuid,nodev,noexec,mode=1777,size=64m'],
    ['mqueue', at('mqueue'), 'mqueue', 'nosuid,nodev,noexec'],
  ];
}

/** Volumes are mounted after the change of root: a link on the way to a mount point leads within the container only. */
function volumeSteps(mounts: readonly Mount[], oldRoot: string): string[] {
  const shallowFirst = [...mounts].sort((a, b) => depth(a.containerPath) - depth(b.containerPath));
  return shallowFirst.flatMap((mount) => {
    const target = quote(mount.containerPath);
    const source = `/${oldRoot}${mount.hostPath}`;
    const options = `bind,nosuid,nodev${mount.readOnly ? ',ro' : ''}`;
    if (mount.kind === 'file') {
      return [
        `mkdir -p -- ${quote(posix.dirname(mount.containerPath))}`,
        `[ -e ${target} ] || : >${target}`,
        `mount -o ${options} ${quote(source)} ${target}`,
      ];
    }
    const steps = [`mkdir -p -- ${target}`];
    if (!mount.subPath) return [...steps, `mount -o ${options} ${quote(source)} ${target}`];
    // Another container of the pod may put links into the volume, at any moment: enter the folder, see where that is,
    // and mount it from within, so that what was checked is what is mounted (CVE-2021-25741).
    const wanted = posix.join(source, mount.subPath);
    return [
      ...steps,
      `cd -P -- ${quote(wanted)}`,
      `[ "$(/bin/pwd -P)" = ${quote(wanted)} ] || { echo ${quote(`subPath ${mount.subPath} leads out of its volume`)} >&5; exit 1; }`,
      `mount -c -o ${options} . ${target}`,
      'cd /',
    ];
  });
}

const depth = (path: string) => path.split('/').filter(Boolean).length;
