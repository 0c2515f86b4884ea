import { posix } from 'node:path';
import type { ContainerSpec, Mount } from '../runtime.ts';
import { type HostBase, podFiles } from './base.ts';
import { entering } from './enter-image.ts';
import { launchWords } from './launch.ts';
import { quote } from './shell.ts';

export interface RootPlan {
  base: HostBase;
  /**
   * The container's own folder: `root`, `upper` and `work`, links `l0`, `l1`, … to its layers, `v0`, `v1`, … where its
   * volumes are mounted first, and for an image with a root of its own `image-upper`, `image-work` and `enter`, where the
   * programs that lead into it are.
   */
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
  const own = hasOwnRoot(spec);
  const lines = [
    'set -e',
    'exec 4<&-',
    'umask 022',
    'read -r pid rest </proc/self/stat',
    'echo "pid $pid" >&5',
    // From here on, complaints of mount(8) and its like are the report.
    'exec 6>&2 2>&5',
    `cd ${quote(folder)}`,
    ...overlaySteps(['base', ...(own ? [] : links)], 'root', '', oldRoot),
    'mount -a -T system',
    `cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty ${quote(`${plan.base.deviceLinks}/.`)} root/dev/`,
    'mount -a -T devices',
    'mount -a -T volumes',
    // The terminal's name is in the host's devpts; here it is found as the console.
    ...(spec.tty ? [': >root/dev/console', 'mount --bind "$(readlink /proc/self/fd/0)" root/dev/console'] : []),
    ...(own ? [...overlaySteps(['mount-points', ...links], `root${imageRoot}`, 'image-'), 'mount -a -T image'] : []),
    'cd root',
    `pivot_root . ${oldRoot}`,
    'cd /',
    own ? enterImageFolder : enterFolder,
    ...volumeSteps(spec.mounts, `/${oldRoot}${folder}`),
    `enter ${quote(spec.workingDir)}`,
    'cd /',
    `umount -l /${oldRoot}`,
    `rmdir /${oldRoot}`,
    ...(spec.readOnlyRoot ? readOnlyPlaces(own).map((path) => `mount -o remount,bind,ro none ${path}`) : []),
    'echo root >&5',
    'exec 2>&6 6>&-',
    // On a terminal the program leads a session of its own: the one outside its PID namespace is no use for job control.
    `exec ${[...(spec.tty ? ['setsid', '-c'] : []), ...launchWords(own ? entering(spec) : spec)].map(quote).join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Where the root of an image is that has one of its own: in a root that is the host base's, whose programs set it up and
 * go into it. Nothing of the image is run before its program is, which has no privileges any more.
 */
export const imageRoot = '/mnt';

export const hasOwnRoot = ({ image }: Pick<ContainerSpec, 'image'>) => image.base !== 'host';

/** Where the programs are that lead into an image with a root of its own (enterImage). */
export const entrances = '/home';

const readOnlyPlaces = (own: boolean) => (own ? [imageRoot] : ['/', '/etc']);

/** Mounts layers over each other. Where the data folder's file system cannot carry the upper layer, memory does. */
function overlaySteps(layers: readonly string[], at: string, prefix: string, oldRoot = ''): string[] {
  const lower = layers.join(':');
  const spare = `${prefix}spare`;
  return [
    `mount -t overlay overlay -o nodev,lowerdir=${lower},upperdir=${prefix}upper,workdir=${prefix}work ${at} 2>/dev/null || {`,
    `  mount -t tmpfs -o mode=755 tmpfs ${spare}`,
    `  mkdir -p ${spare}/upper/${oldRoot} ${spare}/work`,
    `  mount -t overlay overlay -o nodev,lowerdir=${lower},upperdir=${spare}/upper,workdir=${spare}/work ${at}`,
    '}',
  ];
}

/** A file in the form of fstab(5), for one call of mount(8): each process costs a millisecond, and a start has some twenty mounts. */
function mountTable(rows: readonly Row[]): string {
  const field = (text: string) => text.replace(/[\s\\#]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return rows.map(([from, to, type, options]) => `${field(from)} ${field(to)} ${type} ${options} 0 0\n`).join('');
}

/** The tables that the script expects as files by these names in the container's folder. */
export function mountTables(
  plan: RootPlan,
  mounts: readonly Mount[],
): Record<'system' | 'devices' | 'volumes' | 'image', string> {
  const root = `${plan.folder}/root`;
  return {
    system: mountTable(systemMounts(root, plan)),
    devices: mountTable(deviceMounts(root)),
    image: mountTable(imageMounts(root, plan)),
    volumes: mountTable(mounts.map((mount, at) => stagedMount(mount, `${plan.folder}/v${at}`))),
  };
}

const stagedMount = ({ hostPath, readOnly }: Mount, at: string): Row => [
  hostPath,
  at,
  'none',
  `bind,nosuid,nodev${readOnly ? ',ro' : ''}`,
];

/** Source, target, type, options. */
type Row = [string, string, string, string];

function systemMounts(root: string, plan: RootPlan): Row[] {
  const { base } = plan;
  const at = (path: string) => posix.join(root, path);
  return [
    // A mount point cannot be renamed or removed: what is mounted below it stays where it is.
    [at('etc'), at('etc'), 'none', 'bind'],
    ...base.binds.map(({ from, to }): Row => [from, at(to), 'none', 'bind,ro,nosuid']),
    ['proc', at('proc'), 'proc', 'nosuid,nodev,noexec'],
    ...base.readOnlyPaths.map((path): Row => [at(path), at(path), 'none', 'bind,ro']),
    ...base.maskedFiles.map((path): Row => ['/dev/null', at(path), 'none', 'bind']),
    ['sysfs', at('sys'), 'sysfs', 'ro,nosuid,nodev,noexec'],
    ...base.maskedFolders.map((path): Row => ['tmpfs', at(path), 'tmpfs', 'ro,size=0']),
    ['tmpfs', at('dev'), 'tmpfs', 'nosuid,mode=755,size=64k'],
    ...podFiles.map((name): Row => [`${plan.etc}/${name}`, at(`etc/${name}`), 'none', 'bind']),
  ];
}

/** What an image with a root of its own sees of the one around it. */
function imageMounts(root: string, plan: RootPlan): Row[] {
  const at = (path: string) => posix.join(root, imageRoot, path);
  return [
    ...['proc', 'sys', 'dev'].map((name): Row => [posix.join(root, name), at(name), 'none', 'rbind']),
    ...podFiles.map((name): Row => [`${plan.etc}/${name}`, at(`etc/${name}`), 'none', 'bind']),
    [`${plan.folder}/enter`, posix.join(root, entrances), 'none', 'bind,ro,nosuid,nodev'],
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

/**
 * Programs that still have their privileges, here and in an exec, are loaded from these places and run as these files
 * say. A volume there, or a link in an image that leads a volume there, would be a way up to root on the host.
 */
const enterFolder = `enter() {
  mkdir -p -- "$1"
  cd -P -- "$1"
}
open_file() {
  enter "$(dirname -- "$1")"
  name=./\${1##*/}
  [ -e "$name" ] || : >>"$name"
  exec 7<"$name"
}
guard() {
  case "$1/" in
  //|[!/]*|/etc/|/etc/ld.so.*|/etc/ld-musl-*|/etc/nsswitch.conf/|/usr/*|/bin/*|/sbin/*|/lib/*|/lib32/*|/lib64/*|/libx32/*|/proc/*|/sys/*)
    echo "a volume cannot be mounted at $2: \${1:-what it leads to} belongs to the system that every container sees" >&5
    exit 1
  esac
}`;

/**
 * The same for an image with a root of its own. The shell's root is another one: so the way is gone step by step, and
 * links are followed as the image means them. Where that has led is looked at last, because others may change the links.
 */
const enterImageFolder = `enter() {
  cd ${imageRoot}
  rest=$1 links=0
  while [ -n "$rest" ]; do
    step=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    case $step in
    ''|.) ;;
    ..) [ "$(pwd -P)" = ${imageRoot} ] || cd -P .. ;;
    *)
      if [ -L "./$step" ]; then
        links=$((links + 1))
        [ $links -le 40 ] || { echo "the way to $1 goes through too many links" >&5; exit 1; }
        to=$(readlink -- "./$step")
        case $to in /*) cd ${imageRoot} ;; esac
        rest=$to/$rest
      else
        [ -e "./$step" ] || mkdir -- "./$step"
        cd -P -- "./$step"
      fi
    esac
  done
  case "$(pwd -P)/" in
  ${imageRoot}/*) ;;
  *) echo "the way to $1 leads out of the image" >&5; exit 1 ;;
  esac
}
open_file() {
  file=$1 hops=0
  while enter "$(dirname -- "$file")" && name=./\${file##*/} && [ -L "$name" ]; do
    hops=$((hops + 1))
    [ $hops -le 40 ] || { echo "the way to $1 goes through too many links" >&5; exit 1; }
    to=$(readlink -- "$name")
    case $to in
    /*) file=$to ;;
    *) file=$(pwd -P) file=\${file#${imageRoot}}/$to ;;
    esac
  done
  [ -e "$name" ] || : >>"$name"
  exec 7<"$name"
}
guard() {
  case "$1/" in
  ${imageRoot}/proc/*|${imageRoot}/sys/*|${imageRoot}/) ;;
  ${imageRoot}/*) return ;;
  esac
  echo "a volume cannot be mounted at $2: \${1#${imageRoot}} belongs to the system" >&5
  exit 1
}`;

/**
 * Volumes are mounted after the change of root, so that a link on the way to a mount point leads within the container
 * only. Another container of the pod may put links into a volume at any moment: so a place is entered or opened first,
 * then looked at, and mounted from or onto as what was looked at (CVE-2021-25741).
 */
function volumeSteps(mounts: readonly Mount[], staged: string): string[] {
  const shallowFirst = mounts
    .map((mount, at) => ({ mount, source: `${staged}/v${at}` }))
    .sort((a, b) => depth(a.mount.containerPath) - depth(b.mount.containerPath));
  return shallowFirst.flatMap(({ mount, source }) =>
    mount.kind === 'file' ? fileSteps(mount, source) : folderSteps(mount, source),
  );
}

function fileSteps({ containerPath }: Mount, source: string): string[] {
  const target = quote(containerPath);
  return [
    `open_file ${target}`,
    `guard "$(readlink /proc/self/fd/7)" ${target}`,
    `mount -c --bind ${quote(source)} /proc/self/fd/7`,
    'exec 7<&-',
    'cd /',
  ];
}

function folderSteps({ containerPath, subPath }: Mount, source: string): string[] {
  const target = quote(containerPath);
  const wanted = quote(posix.join(source, subPath ?? ''));
  return [
    `enter ${target}`,
    `cd -P -- ${wanted}`,
    `[ "$(/bin/pwd -P)" = ${wanted} ] || { echo ${quote(`subPath ${subPath} leads out of its volume`)} >&5; exit 1; }`,
    'exec 7<.',
    `enter ${target}`,
    `guard "$(pwd -P)" ${target}`,
    'mount -c --bind /proc/self/fd/7 .',
    'exec 7<&-',
    'cd /',
  ];
}

const depth = (path: string) => path.split('/').filter(Boolean).length;
