import { randomInt } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { giveToGroup } from './ownership.ts';

/** A file that a volume shows. */
export interface VolumeFile {
  /** Relative, below the volume. */
  path: string;
  content: Buffer;
  mode: number;
  /** Who owns it, when not root. */
  owner?: number;
}

/**
 * Writes the files of a volume so that a program sees all of the old ones or all of the new ones: they lie in a hidden
 * folder that a link is turned to (Kubernetes' AtomicWriter layout: ..data). What an earlier write that was cut short
 * left behind goes.
 * @param group the pod's fsGroup, which may read them.
 */
export async function writeVolume(
  folder: string,
  files: readonly VolumeFile[],
  group: number | undefined,
): Promise<void> {
  for (const file of files) checkPath(file.path);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const version = await makeVersion(folder);
  const aside = join(folder, version);
  for (const { path, content, mode, owner } of files) {
    const file = join(aside, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    await writeFile(file, content, { mode });
    await chmod(file, mode); // Not narrowed by the umask.
    if (owner !== undefined) await chown(file, owner, -1);
  }
  if (group !== undefined) await giveToGroup(aside, group, true, false);
  const data = join(folder, '..data');
  await rm(`${data}_tmp`, { force: true });
  await symlink(version, `${data}_tmp`);
  await rename(`${data}_tmp`, data);
  await showNames(folder, files);
  await removeVersions(folder);
}

/** Makes a folder named after the time, as Kubernetes names it: ..2026_01_31_12_30_05.123456789 */
async function makeVersion(folder: string): Promise<string> {
  const time = new Date().toISOString().slice(0, 19).replaceAll(/[-T:]/g, '_');
  const version = `..${time}.${randomInt(1e9, 4e9)}`;
  await mkdir(join(folder, version), { mode: 0o755 });
  return version;
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

async function removeVersions(folder: string): Promise<void> {
  const current = await readlink(join(folder, '..data'));
  const old = (await readdir(folder)).filter((name) => name.startsWith('..') && name !== '..data' && name !== current);
  for (const name of old) await rm(join(folder, name), { recursive: true, force: true });
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
