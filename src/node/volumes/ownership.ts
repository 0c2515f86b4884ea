import { constants } from 'node:fs';
import { lchown, lstat, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const [groupReadWrite, groupRead, groupExecute, setGroupId] = [0o660, 0o440, 0o110, 0o2000];

/**
 * Gives a volume to a pod's fsGroup as the kubelet does: the group owns every file and may read and write it, and what is
 * made in its folders belongs to the group, too.
 *
 * Containers may change the volume meanwhile: each file is opened first, and links are not followed.
 * @param onRootMismatch leave all as it is when the volume's own folder is as it should be.
 */
export async function giveToGroup(
  root: string,
  group: number,
  readOnly: boolean,
  onRootMismatch: boolean,
): Promise<void> {
  if (onRootMismatch && (await isGroups(root, group, readOnly))) return;
  await give(root, group, readOnly);
}

async function isGroups(root: string, group: number, readOnly: boolean): Promise<boolean> {
  const { gid, mode } = await stat(root);
  const wanted = maskOf(readOnly) | groupExecute | setGroupId;
  return gid === group && (mode & wanted) === wanted;
}

const maskOf = (readOnly: boolean): number => (readOnly ? groupRead : groupReadWrite);

/** Children first: a folder that is as it should be says that all in it is. */
async function give(path: string, group: number, readOnly: boolean): Promise<void> {
  const info = await lstat(path).catch(ifAbsent);
  if (!info) return;
  if (info.isSymbolicLink()) return void (await lchown(path, -1, group).catch(ifAbsent));
  if (!info.isDirectory() && !info.isFile()) return;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (info.isDirectory() ? O_DIRECTORY : 0)).catch(
    ifAbsent,
  );
  if (!file) return;
  try {
    const here = `/proc/self/fd/${file.fd}`;
    if (info.isDirectory()) for (const name of await readdir(here)) await give(join(here, name), group, readOnly);
    const { mode } = await file.stat();
    await file.chown(-1, group);
    await file.chmod((mode & 0o7777) | maskOf(readOnly) | (info.isDirectory() ? groupExecute | setGroupId : 0));
  } finally {
    await file.close();
  }
}

/** What was removed meanwhile, or became something else, is nobody's concern. */
function ifAbsent(error: NodeJS.ErrnoException): undefined {
  if (!['ENOENT', 'ELOOP', 'ENOTDIR'].includes(error.code ?? '')) throw error;
}
