import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { readVerified, verifier } from './blobs.ts';
import { extractLayer } from './extract.ts';
import { blobsOf, readImage, readIndex } from './layout.ts';
import { createLimit } from './limit.ts';
import type { Descriptor } from './oci.ts';

/** Layers that are unpacked at a time: it takes a CPU each. */
const mostAtOnce = 2;

/** Unpacks the layers of images, each once, whoever asks and however often. */
export function createUnpacker(dir: string): (entry: Descriptor) => Promise<string[]> {
  const unpacking = new Map<string, Promise<string>>();
  const limit = createLimit(mostAtOnce);

  function unpackLayer(layer: Descriptor, diffId: string): Promise<string> {
    const folder = join(dir, 'unpacked', folderOf(layer.digest));
    const running = unpacking.get(folder);
    if (running) return running;
    const work = limit(() => unpackInto(dir, layer, diffId, folder)).finally(() => unpacking.delete(folder));
    unpacking.set(folder, work);
    return work;
  }

  return async (entry) => {
    const { manifest, configuration } = await readImage(dir, entry);
    return Promise.all(manifest.layers.map((layer, at) => unpackLayer(layer, configuration.rootfs.diff_ids[at] ?? '')));
  };
}

async function unpackInto(dir: string, layer: Descriptor, diffId: string, folder: string): Promise<string> {
  if (await exists(folder)) return folder;
  const aside = `${folder}.${randomBytes(6).toString('hex')}`;
  await mkdir(aside, { recursive: true, mode: 0o755 });
  try {
    await pipeline(
      readVerified(dir, layer.digest),
      decompressor(layer.mediaType),
      verifier(diffId, 'the layer'),
      (bytes: AsyncIterable<Uint8Array>) => extractLayer(bytes, aside),
    );
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    // Another process may have been faster.
    if (!(await exists(folder))) throw error;
  }
  return folder;
}

function decompressor(mediaType: string): Transform {
  if (/[+.]gzip$/.test(mediaType)) return createGunzip();
  if (/[+.]zstd$/.test(mediaType)) return createZstdDecompress();
  return new PassThrough();
}

/** Removes unpacked layers that no image has any more. Only while nothing runs on them. */
export async function removeUnusedLayers(dir: string): Promise<void> {
  const index = await readIndex(dir);
  const needed = new Set((await Promise.all(index.manifests.map((entry) => blobsOf(dir, entry)))).flat().map(folderOf));
  for (const name of await readdir(join(dir, 'unpacked'))) {
    if (!needed.has(name)) await rm(join(dir, 'unpacked', name), { recursive: true, force: true });
  }
}

/** The name of a layer's folder. */
const folderOf = (digest: string) => digest.replace(':', '-');

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
