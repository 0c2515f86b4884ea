import { readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

/**
 * Names of the folders of unpacked layers that containers of a data folder stand on, whoever started them: those of a
 * Homeport that runs, and those that one left running. They must not go.
 */
export async function layersInUse(dataDir: string): Promise<ReadonlySet<string>> {
  const sandboxes = join(dataDir, 'node', 'sandboxes');
  const used = new Set<string>();
  for (const sandbox of await namesIn(sandboxes)) {
    for (const container of await namesIn(join(sandboxes, sandbox))) {
      const folder = join(sandboxes, sandbox, container);
      for (const name of await namesIn(folder)) {
        if (!/^l\d+$/.test(name)) continue;
        const layer = await readlink(join(folder, name)).catch(() => undefined);
        if (layer !== undefined) used.add(basename(layer));
      }
    }
  }
  return used;
}

/** What is in a folder; nothing where there is none, or it goes just now. */
const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
