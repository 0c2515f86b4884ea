import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { createTurns } from '../host/index.ts';
import { readVerified, verifier } from './blobs.ts';
import { extractLayer, NeedsBelow } from './extract.ts';
import { statOf } from './image-folder.ts';
import { layOver } from './lay-over.ts';
import { blobsOfAll, readImage, readIndex } from './layout.ts';
import type { Descriptor } from './oci.ts';

/** Layers that are unpacked at a time: it takes a CPU each. */
const mostAtOnce = 2;

/**
 * Unpacks the layers of images, each once, whoever asks and however often. A layer that means something by itself has a
 * folder that all images share; one that deletes or completes what lies below it is unpacked onto that, as one folder.
 */
export function createUnpacker(dir: string): (entry: Descriptor) => Promise<string[]> {
  const unpacking = new Map<string, Promise<string | undefined>>();
  const turns = createTurns(mostAtOnce);

  function once(folder: string, action: (aside: string) => Promise<void>): Promise<string | undefined> {
    const running = unpacking.get(folder);
    if (running) return running;
    const work = turns.take(() => fillFolder(folder, action)).finally(() => unpacking.delete(folder));
    unpacking.set(folder, work);
    return work;
  }

  return async (entry) => {
    const { manifest, configuration } = await readImage(dir, entry);
    const layers = manifest.layers.map((layer, at) => ({ layer, diffId: configuration.rootfs.diff_ids[at] ?? '' }));
    const alone = await Promise.all(
      layers.map(({ layer, diffId }) =>
        once(join(dir, 'unpacked', folderOf(layer.digest)), (aside) => extract(dir, layer, diffId, aside, false)),
      ),
    );
    let folders: string[] = [];
    const chain: string[] = [];
    for (const [at, { layer, diffId }] of layers.entries()) {
      chain.push(diffId);
      const below = folders;
      const onto = async (aside: string) => {
        for (const each of below) await layOver(each, aside);
        await extract(dir, layer, diffId, aside, true);
      };
      const folder = alone[at] ?? (await once(join(dir, 'unpacked', `chain-${chainOf(chain)}`), onto));
      if (folder === undefined) throw new Error(`the layer ${layer.digest} cannot be unpacked`);
      folders = alone[at] === undefined ? [folder] : [...below, folder];
    }
    return folders;
  };
}

/** A name for what the layers with these digests are together. */
const chainOf = (diffIds: readonly string[]) => createHash('sha256').update(diffIds.join(' ')).digest('hex');

/** A layer's folder, filled once: undefined when the layer means nothing by itself, which is kept in mind by an empty file. */
async function fillFolder(folder: string, fill: (aside: string) => Promise<void>): Promise<string | undefined> {
  const found = await statOf(folder);
  if (found) return found.isDirectory() ? folder : undefined;
  const aside = `${folder}.${randomBytes(6).toString('hex')}`;
  await mkdir(aside, { recursive: true, mode: 0o755 });
  try {
    await fill(aside);
    await rename(aside, folder);
    return folder;
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (error instanceof NeedsBelow) {
      await writeFile(folder, '');
      return undefined;
    }
    // Another process may have been faster.
    if (!(await statOf(folder))?.isDirectory()) throw error;
    return folder;
  }
}

async function extract(dir: string, layer: Descriptor, diffId: string, folder: string, onto: boolean): Promise<void> {
  await pipeline(
    readVerified(dir, layer.digest),
    decompressor(layer.mediaType),
    verifier(diffId, 'the layer'),
    (bytes: AsyncIterable<Uint8Array>) => extractLayer(bytes, folder, { onto }),
  );
}

function decompressor(mediaType: string): Transform {
  if (/[+.]gzip$/.test(mediaType)) return createGunzip();
  if (/[+.]zstd$/.test(mediaType)) return createZstdDecompress();
  return new PassThrough();
}

/** Removes unpacked layers that no image has any more, but for those in use. */
export async function removeUnusedLayers(dir: string, inUse: ReadonlySet<string>): Promise<void> {
  const { manifests } = await readIndex(dir);
  const needed = new Set(inUse);
  for (const digest of await blobsOfAll(dir, manifests)) needed.add(folderOf(digest));
  for (const entry of manifests) {
    const image = await readImage(dir, entry).catch(() => undefined);
    const diffIds = image?.configuration.rootfs.diff_ids ?? [];
    for (let count = 1; count <= diffIds.length; count++) needed.add(`chain-${chainOf(diffIds.slice(0, count))}`);
  }
  for (const name of await readdir(join(dir, 'unpacked'))) {
    const path = join(dir, 'unpacked', name);
    const [layer = '', halfDone] = name.split('.');
    if (needed.has(layer) && (halfDone === undefined || !(await isAbandoned(path)))) continue;
    await rm(path, { recursive: true, force: true });
  }
}

/** Whether who unpacked into a folder has died meanwhile, as far as its age tells. */
async function isAbandoned(path: string): Promise<boolean> {
  const found = await statOf(path);
  return found !== undefined && Date.now() - found.mtimeMs > 24 * 3600 * 1000;
}

/** The name of a layer's folder. */
const folderOf = (digest: string) => digest.replace(':', '-');
