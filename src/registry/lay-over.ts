import { link, lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { statOf } from './image-folder.ts';
import { setOwner } from './owner.ts';

/**
 * Lays an unpacked layer over what a folder holds, as an overlay file system would show both. Files are hard links to the
 * layer's: nobody writes to either.
 */
export async function layOver(layer: string, folder: string): Promise<void> {
  for (const name of await readdir(layer)) {
    const [from, to] = [join(layer, name), join(folder, name)];
    const [info, found] = [await lstat(from), await statOf(to)];
    if (!info.isDirectory()) {
      if (found) await rm(to, { recursive: true, force: true });
      await link(from, to);
      continue;
    }
    if (!found?.isDirectory()) {
      if (found) await rm(to, { force: true });
      await mkdir(to, { mode: 0o700 });
    }
    await layOver(from, to);
    await setOwner(to, info);
  }
}
