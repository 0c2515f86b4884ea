import { randomBytes } from 'node:crypto';
import { chown, lstat, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file that a volume shows. */
export interface VolumeFile {
  /** Relative, below the volume. */
  path: string;
  content: Buffer;
  mode: number;
}

/**
 * Writes the files of a volume so that a program sees all of the old ones or all of the new ones: they lie in a hidden
 * folder that a link is turned to (Kubernetes' AtomicWriter layout: ..data). Does nothing when nothing has changed.
 */
export async function writeVolume(
  folder: string,
  files: readonly VolumeFile[],
  group: number | undefined,
): Promise<void> {
  for (const file of files) checkPath(file.path);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const version = `..${Date.now()}.${randomBytes(4).toString('hex')}`;
  const aside = join(folder, version);
  await mkdir(aside, { mode: 0o755 });
  for (const file of files) {
    const path = join(aside, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, file.content, { mode: group === undefined ? file.mode : file.mode | 0o440 });
    if (group !== undefined) await chown(path, 0, group);
  }
  const data = join(folder, '..data');
  const previous = await readlink(data).catch(() => undefined);
  await symlink(version, `${data}_tmp`);
  await rename(`${data}_tmp`, data);
  await showNames(folder, files);
  if (previous !== undefined) await rm(join(folder, previous), { recursive: true, force: true });
}

/** Links from the volume's top level into ..data; names that are gone lose theirs. */
async function showNames(folder: string, files: readonly VolumeFile[]): Promise<void> {
  const wanted = new Set(files.map((file) => file.path.split('/')[0] ?? ''));
  for (const name of await readdir(folder)) {
    if (name.startsWith('..')) continue;
    if (wanted.has(name)) wanted.delete(name);
    else await rm(join(folder, name), { force: true });
  }
  for (const name of wanted) await symlink(join('..data', name), join(folder, name));
}

function checkPath(path: string): void {
  const parts = path.split('/');
  if (
    path === '' ||
    path.startsWith('/') ||
    path.includes('\0') ||
    parts.includes('..') ||
    parts[0]?.startsWith('..')
  ) {
    throw new Error(`the path ${JSON.stringify(path)} leads out of its volume`);
  }
}

/** Whether a path within a volume of ours names a file or a folder; undefined when there is nothing. */
export async function kindOfPath(path: string): Promise<'file' | 'folder' | undefined> {
  const info = await lstat(path).catch(() => undefined);
  if (info === undefined) return undefined;
  return info.isDirectory() ? 'folder' : 'file';
}
