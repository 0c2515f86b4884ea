import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type CreatedSnapshot, type NewVolume, type VolumeDriver, VolumeError } from '../driver.ts';
import { copyTree } from './copy-tree.ts';

/** The name of the built-in driver: the provisioner of the class `standard`. */
export const folderDriverName = 'folder.homeport.dev';

const run = promisify(execFile);

/** What is noted beside the content of a volume or a snapshot. */
interface Note {
  size: number;
  createdAt: string;
}

/**
 * The built-in driver: a volume is a folder below `dir`, and so is a snapshot, which is a copy. Volumes lie in
 * `volumes/HANDLE/data`, snapshots in `snapshots/HANDLE/data`. The size of a volume is noted, not enforced.
 */
export function createFolderDriver(dir: string): VolumeDriver {
  const volumes = createShelf(join(dir, 'volumes'));
  const snapshots = createShelf(join(dir, 'snapshots'));

  /** The folder whose copy a new volume begins as, and how big that is. */
  async function sourceOf({ source }: NewVolume): Promise<{ folder: string; size: number } | undefined> {
    if (!source) return undefined;
    const [shelf, handle] = 'snapshot' in source ? [snapshots, source.snapshot] : [volumes, source.volume];
    const { size } = await shelf.note(handle);
    return { folder: shelf.data(handle), size };
  }

  return {
    name: folderDriverName,
    abilities: { create: true, snapshot: true, clone: true, expand: true, attach: false, topology: false },
    node: undefined,
    async createVolume(volume) {
      const [unknown] = Object.keys(volume.parameters);
      if (unknown !== undefined) throw invalid(`${folderDriverName} has no parameter ${JSON.stringify(unknown)}`);
      if (volume.capability.mode === 'Block') throw invalid(`${folderDriverName} has no volumes of mode Block`);
      if (volume.capability.mountOptions?.length) throw invalid(`${folderDriverName} has no mount options`);
      const source = await sourceOf(volume);
      const size = Math.max(volume.size, source?.size ?? 0);
      if (volume.limit !== undefined && size > volume.limit)
        throw new VolumeError('OutOfRange', `the source has ${size} bytes, and at most ${volume.limit} are allowed`);
      const note = await volumes.make(volume.name, size, source?.folder);
      return { handle: volume.name, size: note.size, context: {}, topology: [] };
    },
    deleteVolume: volumes.remove,
    async expandVolume(handle, size) {
      const note = await volumes.note(handle);
      if (size > note.size) await volumes.write(handle, { ...note, size });
      return { size: Math.max(size, note.size), onNode: false };
    },
    async createSnapshot({ name, volume }) {
      const { size } = await volumes.note(volume);
      const note = await snapshots.make(name, size, volumes.data(volume));
      return snapshotOf(name, note);
    },
    findSnapshot: async (handle) => snapshotOf(handle, await snapshots.note(handle)),
    deleteSnapshot: snapshots.remove,
    attach: async () => ({}),
    detach: async () => undefined,
    async publish({ handle, ephemeral }) {
      if (ephemeral) throw invalid(`${folderDriverName} has no inline volumes: use emptyDir or ephemeral`);
      await volumes.note(handle);
      return volumes.data(handle);
    },
    unpublish: async () => undefined,
    unstage: async () => undefined,
    expandOnNode: async () => undefined,
  };
}

const snapshotOf = (handle: string, { createdAt, size }: Note): CreatedSnapshot => ({
  ...{ handle, size, createdAt: new Date(createdAt), ready: true },
});

/** Folders that are there whole or not at all, each with a note. */
interface Shelf {
  data(handle: string): string;
  note(handle: string): Promise<Note>;
  write(handle: string, note: Note): Promise<void>;
  /** Makes one, as a copy of a folder if one is given, or finds the one that is there. */
  make(handle: string, size: number, from?: string): Promise<Note>;
  remove(handle: string): Promise<void>;
}

function createShelf(dir: string): Shelf {
  const place = (handle: string): string => {
    // Who writes a PersistentVolume chooses its handle: it names a folder here and nothing else.
    if (!/^[A-Za-z0-9][-A-Za-z0-9.]{0,252}$/.test(handle) || handle.includes('..'))
      throw invalid(`${JSON.stringify(handle)} is no handle of ${folderDriverName}`);
    return join(dir, handle);
  };
  const noteFile = (folder: string) => join(folder, 'note.json');

  const shelf: Shelf = {
    data: (handle) => join(place(handle), 'data'),
    async note(handle) {
      try {
        return JSON.parse(await readFile(noteFile(place(handle)), 'utf8')) as Note;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        throw new VolumeError('NotFound', `${folderDriverName} has no ${handle}`, { cause: error });
      }
    },
    async write(handle, note) {
      const file = noteFile(place(handle));
      await writeFile(`${file}.new`, JSON.stringify(note), { mode: 0o600 });
      await rename(`${file}.new`, file);
    },
    async make(handle, size, from) {
      const folder = place(handle);
      const there = await shelf.note(handle).catch((error: unknown) => {
        if (error instanceof VolumeError && error.code === 'NotFound') return undefined;
        throw error;
      });
      if (there) {
        if (there.size >= size) return there;
        throw new VolumeError('AlreadyExists', `${handle} is there already with ${there.size} bytes`);
      }
      const note: Note = { size, createdAt: new Date().toISOString() };
      // A folder of this name was left behind by a process that was killed; nobody else works on the handle now.
      const unfinished = join(dir, `.new-${handle}`);
      await removeFolder(unfinished);
      const data = join(unfinished, 'data');
      await mkdir(data, { recursive: true, mode: 0o700 });
      // Programs of any user write there: the folder above it is root's alone.
      await chmod(data, 0o777);
      if (from !== undefined) await copyTree(from, data);
      await writeFile(noteFile(unfinished), JSON.stringify(note), { mode: 0o600 });
      await rename(unfinished, folder);
      return note;
    },
    async remove(handle) {
      const [folder, going] = [place(handle), join(dir, `.old-${handle}`)];
      // Gone at once and whole; what a process that was killed did not finish is taken along.
      await removeFolder(going);
      if (await isThere(folder)) await rename(folder, going);
      await removeFolder(going);
      await removeFolder(join(dir, `.new-${handle}`));
    },
  };
  return shelf;
}

const invalid = (message: string): VolumeError => new VolumeError('InvalidArgument', message);

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

/** rm(1) goes through folder by folder: what programs wrote may be nested deeper than a path can name. */
async function removeFolder(path: string): Promise<void> {
  if (await isThere(path)) await run('rm', ['-rf', '--', path]);
}
