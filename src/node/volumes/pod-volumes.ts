import { constants } from 'node:fs';
import { chmod, chown, mkdir, open, realpath, stat, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { expand } from '../kubelet/env.ts';
import type { Container, Pod, Volume, VolumeMount } from '../pod.ts';
import { removeTree } from '../remove-tree.ts';
import type { Mount } from '../runtime.ts';
import { contentOf, type Sources, type VolumeContent } from './content.ts';
import { kindOfPath, writeVolume } from './files.ts';

/** The volumes of one pod on this machine. */
export interface PodVolumes {
  /** Makes them, or brings their files up to date. @throws Error worded as the kubelet's FailedMount event. */
  prepare(sources: Omit<Sources, 'tokens'>): Promise<void>;
  /** What a container sees of them. @throws Error for a mount that cannot be made. */
  mountsOf(container: Container, env: ReadonlyMap<string, string>): Promise<Mount[]>;
  /** When files of it (tokens) should be made anew, in milliseconds since the epoch. */
  renewAt(): number | undefined;
  remove(): Promise<void>;
}

interface Prepared {
  hostPath: string;
  kind: 'folder' | 'file';
  /** Files in it are ours, and containers cannot change them. */
  ours: boolean;
}

/** @param folders the pod's own folder on disk and the one in memory, for what must not reach the disk. */
export function createPodVolumes(pod: Pod, folders: { disk: string; memory: string }): PodVolumes {
  const group = pod.spec?.securityContext?.fsGroup;
  const prepared = new Map<string, Prepared>();
  const renewals = new Map<string, number>();
  const written = new Map<string, string>();
  const tokens: Sources['tokens'] = new Map();

  async function prepareOne(volume: Volume, sources: Sources): Promise<Prepared> {
    const content = await contentOf(volume, sources);
    if (content) {
      const secret = volume.secret !== undefined || volume.projected !== undefined;
      const hostPath = join(secret ? folders.memory : folders.disk, volume.name);
      await writeIfChanged(volume.name, hostPath, content);
      return { hostPath, kind: 'folder', ours: true };
    }
    if (volume.emptyDir)
      return { hostPath: await emptyDir(volume.name, volume.emptyDir.medium), kind: 'folder', ours: false };
    if (volume.hostPath) return hostPath(volume.hostPath.path, volume.hostPath.type ?? '');
    const [source = 'nothing'] = Object.keys(volume).filter((key) => key !== 'name');
    throw new Error(`this node does not support volumes of type ${source} yet`);
  }

  async function writeIfChanged(name: string, path: string, content: VolumeContent): Promise<void> {
    if (content.renewAt !== undefined) renewals.set(name, content.renewAt);
    const print = JSON.stringify(content.files.map((file) => [file.path, file.mode, file.content.toString('base64')]));
    if (written.get(name) === print) return;
    await writeVolume(path, content.files, group);
    written.set(name, print);
  }

  async function emptyDir(name: string, medium: string | undefined): Promise<string> {
    if (medium && medium !== 'Memory') throw new Error(`this node does not support emptyDir with medium ${medium}`);
    const path = join(medium === 'Memory' ? folders.memory : folders.disk, name);
    await mkdir(path, { recursive: true });
    await chmod(path, group === undefined ? 0o777 : 0o2777);
    if (group !== undefined) await chown(path, 0, group);
    return path;
  }

  async function mountOf(mount: VolumeMount, env: ReadonlyMap<string, string>): Promise<Mount> {
    const volume = prepared.get(mount.name);
    if (!volume) throw new Error(`volume ${mount.name} of mount ${mount.mountPath} is not defined`);
    const containerPath = posix.resolve('/', mount.mountPath);
    if (containerPath === '/') throw new Error('a volume cannot be mounted at /');
    const base = {
      containerPath,
      hostPath: volume.hostPath,
      kind: volume.kind,
      readOnly: mount.readOnly === true || volume.ours,
    };
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr, (name) => env.get(name)) : mount.subPath;
    return subPath ? withSubPath(base, volume, subPath) : base;
  }

  return {
    async prepare(sources) {
      await mkdir(folders.disk, { recursive: true, mode: 0o755 });
      await mkdir(folders.memory, { recursive: true, mode: 0o755 });
      for (const volume of pod.spec?.volumes ?? []) {
        try {
          prepared.set(volume.name, await prepareOne(volume, { ...sources, tokens }));
        } catch (error) {
          const why = error instanceof Error ? error.message : String(error);
          throw new Error(`MountVolume.SetUp failed for volume ${JSON.stringify(volume.name)} : ${why}`, {
            cause: error,
          });
        }
      }
    },
    mountsOf: (container, env) => Promise.all((container.volumeMounts ?? []).map((mount) => mountOf(mount, env))),
    renewAt: () => (renewals.size === 0 ? undefined : Math.min(...renewals.values())),
    async remove() {
      await removeTree(folders.disk);
      await removeTree(folders.memory);
    },
  };
}

async function withSubPath(base: Mount, volume: Prepared, subPath: string): Promise<Mount> {
  const parts = subPath.split('/').filter((part) => part !== '' && part !== '.');
  if (subPath.startsWith('/') || parts.includes('..') || subPath.includes('\0'))
    throw new Error(`subPath ${JSON.stringify(subPath)} leads out of its volume`);
  if (volume.kind === 'file') throw new Error(`subPath ${subPath} is in a volume that is a file`);
  const path = join(volume.hostPath, ...parts);
  if (volume.ours) {
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) throw new Error(`subPath ${subPath} is not in its volume`);
    return { ...base, hostPath: real, kind: (await kindOfPath(real)) ?? 'file' };
  }
  // Containers can write there: what is on the way is looked at again when it is mounted, without following links.
  const kind = await kindOfPath(path);
  if (kind === 'file')
    throw new Error(
      `subPath ${subPath} is not a folder: in a volume that containers can write to only folders are supported`,
    );
  await makeInside(volume.hostPath, parts);
  return { ...base, subPath: parts.join('/') };
}

/**
 * Makes the folders of a subPath, as open as the volume itself is. Each is opened and gone on from as what was opened,
 * because containers may turn a folder of theirs into a link at any moment.
 */
async function makeInside(root: string, parts: readonly string[]): Promise<void> {
  let at = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { mode } = await at.stat();
    for (const part of parts) {
      const path = `/proc/self/fd/${at.fd}/${part}`;
      const made = await mkdir(path).then(
        () => true,
        () => false, // It is there already, or opening it says what is wrong.
      );
      const next = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(() => {
        throw new Error(`subPath ${parts.join('/')} goes through something that is not a folder`);
      });
      await at.close();
      at = next;
      if (made) await at.chmod(mode & 0o7777);
    }
  } finally {
    await at.close();
  }
}

async function hostPath(path: string, type: string): Promise<Prepared> {
  if (!path.startsWith('/') || path.split('/').includes('..'))
    throw new Error(`hostPath ${path} is not an absolute path`);
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  if (type === 'FileOrCreate') await writeFile(path, '', { flag: 'a', mode: 0o644 });
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new Error(`hostPath type check failed: ${path} does not exist`);
  const isFolder = info.isDirectory();
  const fits: Record<string, boolean> = {
    Directory: isFolder,
    DirectoryOrCreate: isFolder,
    File: info.isFile(),
    FileOrCreate: info.isFile(),
    Socket: info.isSocket(),
    CharDevice: info.isCharacterDevice(),
    BlockDevice: info.isBlockDevice(),
    '': true,
  };
  if (!fits[type]) throw new Error(`hostPath type check failed: ${path} is not a ${type}`);
  return { hostPath: await realpath(path), kind: isFolder ? 'folder' : 'file', ours: false };
}
