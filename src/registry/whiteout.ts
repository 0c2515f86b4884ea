import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ImageFolder, statOf } from './image-folder.ts';

/** Deletes from the layers below what a layer says is gone (image-spec v1.1, layer.md, "Whiteouts"). */
export interface Whiteouts {
  /** Something the layer itself brings: whiteouts do not concern it, in whatever order they come. */
  keep(path: string): void;
  /** Acts on a member called `.wh.NAME`, or `.wh..wh..opq` for all that the folder has. */
  apply(parent: string, name: string): Promise<void>;
}

export function createWhiteouts(image: ImageFolder): Whiteouts {
  const kept = new Set<string>();

  async function removeBelow(path: string): Promise<void> {
    if (!kept.has(path)) return rm(path, { recursive: true, force: true });
    if (!(await statOf(path))?.isDirectory()) return;
    for (const name of await readdir(path)) await removeBelow(join(path, name));
  }

  return {
    keep(path) {
      for (let at = path; at !== image.folder && !kept.has(at); at = dirname(at)) kept.add(at);
    },
    async apply(parent, name) {
      const gone = name.slice('.wh.'.length);
      if (name === '.wh..wh..opq') {
        for (const each of await readdir(parent)) await removeBelow(join(parent, each));
      } else if (gone.startsWith('.wh.')) {
        return; // AUFS's own bookkeeping (.wh..wh.plnk): nothing of an image.
      } else if (gone === '' || gone === '.' || gone === '..') {
        throw new Error('a whiteout must name what is gone');
      } else await removeBelow(join(parent, gone));
      image.forget();
    },
  };
}
