import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, hasBlob, readBlob, writeAtomically } from './blobs.ts';
import { type Manifest, readConfiguration, readManifest } from './documents.ts';
import {
  annotation,
  type Descriptor,
  type ImageConfiguration,
  type ImageIndex,
  type ImageManifest,
  media,
} from './oci.ts';
import { choosePlatform, machinePlatform, platformText } from './platform.ts';

/** The index of an OCI image layout: which names stand for which manifests. Changed only under the store's lock. */
export async function readIndex(dir: string): Promise<ImageIndex> {
  const path = join(dir, 'index.json');
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { schemaVersion: 2, mediaType: media.index, manifests: [] };
    }
    throw new Error(`reading the image store's index ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

/** 'docker.io/library/web:1', or 'docker.io/library/web@sha256:…' for what is known by its digest alone. */
export const nameOf = (entry: Descriptor) => entry.annotations?.[annotation.name] ?? '';

/** Whether an entry of the index belongs to a repository. */
export const isOf = (repository: string, entry: Descriptor) => {
  const name = nameOf(entry);
  return (
    name.startsWith(repository) &&
    /^[:@]/.test(name.slice(repository.length)) &&
    !name.slice(repository.length).includes('/')
  );
};

export const isTagged = (entry: Descriptor) => !nameOf(entry).includes('@');

/** A manifest or index of the store. */
export async function readStored(dir: string, digest: string, mediaType = ''): Promise<Manifest> {
  return readManifest(await readBlob(dir, digest), mediaType);
}

/** The manifest and configuration of the image that an entry stands for on this machine. */
export async function readImage(
  dir: string,
  entry: Descriptor,
): Promise<{ manifest: ImageManifest; configuration: ImageConfiguration }> {
  const stored = await readStored(dir, entry.digest, entry.mediaType);
  if (stored.kind === 'image') return readConfigurationOf(dir, stored.manifest);
  const machine = machinePlatform();
  const chosen = choosePlatform(stored.index.manifests, machine);
  if (!chosen) throw new Error(`${nameOf(entry)} has no image for ${platformText(machine)}`);
  const inner = await readStored(dir, chosen.digest, chosen.mediaType);
  if (inner.kind !== 'image') throw new Error(`${nameOf(entry)} names an index within its index`);
  return readConfigurationOf(dir, inner.manifest);
}

async function readConfigurationOf(dir: string, manifest: ImageManifest) {
  return { manifest, configuration: readConfiguration(await readBlob(dir, manifest.config.digest)) };
}

/**
 * Gives names another meaning, or none, and drops the blobs that nothing needs any more.
 * @returns whether one of the names was there
 */
export async function replaceNames(
  dir: string,
  names: readonly string[],
  entries: readonly Descriptor[],
): Promise<boolean> {
  const index = await readIndex(dir);
  const gone = index.manifests.filter((entry) => names.includes(nameOf(entry)));
  index.manifests = [...index.manifests.filter((entry) => !gone.includes(entry)), ...entries];
  if (gone.length + entries.length === 0) return false;
  await writeAtomically(join(dir, 'index.json'), JSON.stringify(index, null, 2));
  const candidates = await blobsOfAll(dir, gone);
  if (candidates.size === 0) return gone.length > 0;
  const needed = await blobsOfAll(dir, index.manifests);
  for (const digest of candidates) {
    // Unpacked layers stay: a running container may stand on them.
    if (!needed.has(digest)) await rm(blobPath(dir, digest), { force: true });
  }
  return gone.length > 0;
}

/** All blobs that some entries stand for. */
export async function blobsOfAll(dir: string, entries: readonly Descriptor[]): Promise<Set<string>> {
  return new Set((await Promise.all(entries.map((entry) => blobsOf(dir, entry)))).flat());
}

/** All blobs that an entry stands for, as far as they are here: of an index that was pulled, one platform's. */
async function blobsOf(dir: string, entry: Pick<Descriptor, 'digest'>): Promise<string[]> {
  let stored: Manifest;
  try {
    stored = await readStored(dir, entry.digest);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    // What cannot be read is kept: somebody may want to know why.
    return [entry.digest];
  }
  if (stored.kind === 'image') {
    const { config, layers } = stored.manifest;
    return [entry.digest, config.digest, ...layers.map((layer) => layer.digest)];
  }
  const inner = await Promise.all(stored.index.manifests.map((each) => blobsOf(dir, each)));
  return [entry.digest, ...inner.flat()];
}

/** Whether all layers are here, of the image that an entry stands for here. */
export async function hasLayers(dir: string, entry: Descriptor): Promise<boolean> {
  const { manifest } = await readImage(dir, entry);
  return (await Promise.all(manifest.layers.map((layer) => hasBlob(dir, layer)))).every(Boolean);
}
