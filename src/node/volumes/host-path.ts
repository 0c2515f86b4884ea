import { mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { posix } from 'node:path';

/** A folder or file of this machine that a volume is. */
export interface Place {
  /** Absolute, without links in it. */
  hostPath: string;
  kind: 'folder' | 'file';
}

/**
 * The place that a hostPath names, of the type that it asks for; the types that end in OrCreate make it.
 * @throws Error in the words of the kubelet's check.
 */
export async function hostPath(path: string, type: string): Promise<Place> {
  if (!path.startsWith('/') || path.split('/').includes('..'))
    throw new Error(`invalid HostPath \`${path}\`: must be an absolute path without '..'`);
  const kind = kinds[type];
  if (!kind) throw new Error(`${type} is an invalid volume type`);
  if (type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 }).catch(ifPresent);
  if (type === 'FileOrCreate') await writeFile(path, '', { flag: 'a', mode: 0o644 }).catch(ifPresent);
  const info = await stat(path).catch(() => undefined);
  if (!info) {
    if (type === '') throw new Error(`stat ${path}: no such file or directory`);
    throw new Error(`hostPath type check failed: ${path} is not ${kind.name}`);
  }
  if (!kind.is(info)) throw new Error(`hostPath type check failed: ${path} is not ${kind.name}`);
  return { hostPath: await realpath(path), kind: info.isDirectory() ? 'folder' : 'file' };
}

/** The folder of a `local` volume, which an administrator has made. */
export async function localPath(path: string): Promise<Place> {
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new Error(`path ${JSON.stringify(path)} does not exist`);
  if (!info.isDirectory()) throw new Error('only directory and block device are supported');
  return { hostPath: await realpath(posix.normalize(path)), kind: 'folder' };
}

type Info = Awaited<ReturnType<typeof stat>>;

const directory = { name: 'a directory', is: (info: Info) => info.isDirectory() };
const file = { name: 'a file', is: (info: Info) => info.isFile() };

const kinds: Record<string, { name: string; is: (info: Info) => boolean } | undefined> = {
  '': { name: 'there', is: () => true },
  Directory: directory,
  DirectoryOrCreate: directory,
  File: file,
  FileOrCreate: file,
  Socket: { name: 'a socket file', is: (info) => info.isSocket() },
  CharDevice: { name: 'a character device', is: (info) => info.isCharacterDevice() },
  BlockDevice: { name: 'a block device', is: (info) => info.isBlockDevice() },
};

/** Something else of that name is told by the check that follows. */
function ifPresent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST' && error.code !== 'EISDIR' && error.code !== 'ENOTDIR') throw error;
}
