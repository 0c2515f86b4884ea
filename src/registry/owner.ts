import { chmod, type FileHandle, lchown, lstat } from 'node:fs/promises';

/** Who something belongs to, and what others may do with it. */
export interface Ownership {
  uid: number;
  gid: number;
  mode: number;
}

/** The largest id that stands for somebody: the one above means "leave it" to chown(2). */
const largestId = 0xffff_fffe;

/**
 * Gives what was unpacked to whom the image says, where that may be done (as root). Set-user-id bits would be a way up
 * for a process on the host that finds the folder: they are left out.
 */
export async function setOwner(of: string | FileHandle, { uid, gid, mode }: Ownership): Promise<void> {
  if (![uid, gid].every((id) => Number.isInteger(id) && id >= 0 && id <= largestId))
    throw new Error(`its owner ${uid}:${gid} is not one that a file can have`);
  const isRoot = process.getuid?.() === 0;
  const permissions = mode & 0o1777;
  if (typeof of !== 'string') {
    if (isRoot) await of.chown(uid, gid);
    return of.chmod(permissions);
  }
  if (isRoot) await lchown(of, uid, gid);
  if (!(await lstat(of)).isSymbolicLink()) await chmod(of, permissions);
}
