import { constants, type Stats } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  symlink,
  utimes,
} from 'node:fs/promises';
import { join } from 'node:path';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Each level holds two descriptors open. */
const DEEPEST = 1000;

interface Copy {
  /** Where a file with several names was put first, by device and inode. */
  linked: Map<string, string>;
  /** The folder that the copy is in, for links between its files. */
  to: string;
}

/**
 * Copies what is in a folder into another, which is there and empty: files, folders, links, with owners, modes and times.
 * Devices, pipes and sockets are left out. Blocks are shared where the file system can.
 *
 * Programs that nobody trusts may change the folder meanwhile. So each folder is opened and gone on from as what was
 * opened: one that is turned into a link leads nowhere.
 * @throws Error when it is nested too deeply, or cannot be read or written.
 */
export async function copyTree(from: string, to: string): Promise<void> {
  await copyFolder(from, to, '', { linked: new Map(), to }, 0);
}

async function copyFolder(from: string, to: string, path: string, copy: Copy, depth: number): Promise<void> {
  if (depth > DEEPEST) throw new Error(`folders are nested more than ${DEEPEST} deep`);
  const source = await openFolder(from).catch(ifAbsent);
  if (!source) return;
  const target = await openFolder(to);
  try {
    const [here, there] = [pathOf(source, from), pathOf(target, to)];
    for (const name of await readdir(here)) {
      await copyEntry(join(here, name), join(there, name), path === '' ? name : `${path}/${name}`, copy, depth);
    }
    const info = await source.stat();
    await target.chown(info.uid, info.gid);
    await target.chmod(info.mode & 0o7777);
    await utimes(there, info.atime, info.mtime);
  } finally {
    await source.close();
    await target.close();
  }
}

const openFolder = (path: string): Promise<FileHandle> => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

/** A path to what is open, whatever its name leads to by now. Only Linux has it, and only there programs run in volumes. */
const pathOf = ({ fd }: FileHandle, path: string): string =>
  process.platform === 'linux' ? `/proc/self/fd/${fd}` : path;

async function copyEntry(from: string, to: string, path: string, copy: Copy, depth: number): Promise<void> {
  const info = await lstat(from).catch(ifAbsent);
  if (!info) return;
  if (info.isDirectory()) {
    await mkdir(to, { mode: 0o700 });
    return copyFolder(from, to, path, copy, depth + 1);
  }
  if (info.isSymbolicLink()) {
    const leadsTo = await readlink(from).catch(ifAbsent);
    if (leadsTo === undefined) return;
    await symlink(leadsTo, to);
    await lchown(to, info.uid, info.gid);
    await lutimes(to, info.atime, info.mtime);
  } else if (info.isFile()) await copyContent(from, to, path, copy);
}

async function copyContent(from: string, to: string, path: string, copy: Copy): Promise<void> {
  const source = await open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(ifAbsent);
  if (!source) return;
  try {
    const info = await source.stat();
    if (!info.isFile()) return;
    const id = `${info.dev}:${info.ino}`;
    const first = info.nlink > 1 ? copy.linked.get(id) : undefined;
    if (first !== undefined) return await link(join(copy.to, first), to);
    if (info.nlink > 1) copy.linked.set(id, path);
    await copyFile(pathOf(source, from), to, constants.COPYFILE_FICLONE);
    await becomeLike(to, info);
  } finally {
    await source.close();
  }
}

async function becomeLike(path: string, { uid, gid, mode, atime, mtime }: Stats): Promise<void> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    // The owner first: changing it takes the setuid bit away.
    await file.chown(uid, gid);
    await file.chmod(mode & 0o7777);
    await file.utimes(atime, mtime);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What was removed meanwhile, or became something else, is not in the copy. */
function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'ELOOP', 'ENOTDIR', 'EINVAL'].includes(error.code ?? '')) throw error;
}
