import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '../runtime.ts';

/** What a mount's subPath is resolved in. */
interface Within {
  hostPath: string;
  kind: 'folder' | 'file';
  /** Files in it are ours, and containers cannot change them. */
  ours: boolean;
  /** Nothing may be made in it. */
  readOnly: boolean;
}

/** A mount of a part of a volume; folders on the way are made. @throws Error when it leads out, or to what cannot be mounted. */
export async function withSubPath(base: Mount, volume: Within, subPath: string): Promise<Mount> {
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
  if ((await kindOfPath(path)) === 'file')
    throw new Error(
      `subPath ${subPath} is not a folder: in a volume that containers can write to only folders are supported`,
    );
  await makeInside(volume.hostPath, parts, volume.readOnly);
  return { ...base, subPath: parts.join('/') };
}

/** Whether a path within a volume names a file or a folder; undefined when there is nothing. */
async function kindOfPath(path: string): Promise<'file' | 'folder' | undefined> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  return info.isDirectory() ? 'folder' : 'file';
}

/**
 * Makes the folders of a subPath, as open as the volume itself is. Each is opened and gone on from as what was opened,
 * because containers may turn a folder of theirs into a link at any moment.
 */
async function makeInside(root: string, parts: readonly string[], readOnly: boolean): Promise<void> {
  let at = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { mode, gid } = await at.stat();
    for (const part of parts) {
      const path = `/proc/self/fd/${at.fd}/${part}`;
      const made = await (readOnly ? Promise.resolve(false) : makeFolder(path));
      const next = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(() => {
        throw new Error(`subPath ${parts.join('/')} goes through something that is not a folder`);
      });
      await at.close();
      at = next;
      if (!made) continue;
      await at.chown(0, gid);
      await at.chmod(mode & 0o7777);
    }
  } finally {
    await at.close();
  }
}

/** @returns false when it is there already; opening it says what else may be wrong. */
const makeFolder = (path: string): Promise<boolean> =>
  mkdir(path).then(
    () => true,
    () => false,
  );
