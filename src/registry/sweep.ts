import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { blobsOfAll, readIndex } from './layout.ts';

/** How long, in milliseconds, a blob may lie here before an image needs it: a push or pull brings the blobs first. */
const grace = 3600 * 1000;
/** How old a half-written file must be to be taken for one whose writer has died. */
const abandoned = 24 * 3600 * 1000;

/**
 * Removes what nothing needs: blobs that no name of the index stands for, and half-written files. Only under the store's
 * lock. @returns the bytes that were freed
 */
export async function sweep(dir: string): Promise<number> {
  const { manifests } = await readIndex(dir);
  const needed = await blobsOfAll(dir, manifests);
  const removed = await Promise.all([
    removeOld(join(dir, 'blobs', 'sha256'), grace, (hex) => !needed.has(`sha256:${hex}`)),
    removeOld(join(dir, 'blobs'), abandoned, (name) => name.startsWith('.')),
    removeOld(join(dir, 'uploads'), abandoned, () => true),
  ]);
  return removed.reduce((total, each) => total + each, 0);
}

async function removeOld(folder: string, age: number, unneeded: (name: string) => boolean): Promise<number> {
  let freed = 0;
  // The folder of uploads is not there before the first one.
  for (const name of await readdir(folder).catch(() => [])) {
    if (!unneeded(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || Date.now() - found.mtimeMs < age) continue;
    await rm(path, { recursive: true, force: true });
    freed += found.size;
  }
  return freed;
}
