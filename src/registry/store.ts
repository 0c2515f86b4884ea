import { randomBytes } from 'node:crypto';
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { blobPath, getDocument, putDocument, readVerified, verifier, writeAtomically } from './blobs.ts';
import { extractLayer } from './extract.ts';
import { withLock } from './lock.ts';
import {
  annotation,
  type Descriptor,
  type ImageConfiguration,
  type ImageIndex,
  type ImageManifest,
  media,
} from './oci.ts';
import { familiarReference, formatReference, parseReference, repositoryOf } from './reference.ts';

/** An image of the local store. */
export interface StoredImage {
  /** In full: 'docker.io/library/silly-demo:1.4.305'. */
  reference: string;
  /** Digest of the manifest: 'sha256:…'. */
  digest: string;
  /** Bytes of the layers, compressed. */
  size: number;
  /** What the layers go on top of: 'host' is this machine's own system folders, read-only. */
  base: 'host' | undefined;
  /** RFC 3339; '' when the image does not say. */
  created: string;
  config: {
    entrypoint: readonly string[];
    cmd: readonly string[];
    env: readonly string[];
    workingDir: string;
    user: string;
    labels: Readonly<Record<string, string>>;
  };
}

/** A local OCI image layout: images by name, shared by several processes. */
export interface ImageStore {
  /** The folder: an OCI image layout (image-spec v1.1) plus `unpacked/`. */
  readonly dir: string;
  /** All images, sorted by reference. */
  list(): Promise<StoredImage[]>;
  /** The image of a reference in any form that docker takes, or undefined. Throws for a malformed reference. */
  resolve(reference: string): Promise<StoredImage | undefined>;
  /** Tags present for the repository of this reference, sorted. */
  tagsOf(reference: string): Promise<string[]>;
  /** Why a missing image cannot be had, and what to do. */
  explainMissing(reference: string): Promise<string>;
  /** Folders of the unpacked layers, lowest first. Unpacked and verified once a layer; never write there. */
  unpack(image: { digest: string }): Promise<string[]>;
  /** Removes unpacked layers that no image has any more. Only while no container stands on them. */
  removeUnused(): Promise<void>;
  /** Stores an image from its layers and configuration under some names. */
  put(image: NewImage): Promise<StoredImage>;
  /** Forgets a name, and what no other name needs. False when it was not there. */
  remove(reference: string): Promise<boolean>;
  /** Calls back after images came or went, through any process. Returns the way to stop it. */
  onChange(listener: () => void): () => void;
}

export interface NewImage {
  references: readonly string[];
  configuration: ImageConfiguration;
  /** Each with the file that holds its bytes, which the store takes over. */
  layers: readonly { descriptor: Descriptor; file: string }[];
  base: 'host' | undefined;
  created: string;
}

/** Opens the image store in a folder, which is made when it is missing. */
export async function openImageStore(dir: string): Promise<ImageStore> {
  await mkdir(join(dir, 'blobs', 'sha256'), { recursive: true });
  await mkdir(join(dir, 'unpacked'), { recursive: true });
  const indexPath = join(dir, 'index.json');
  if (!(await exists(join(dir, 'oci-layout')))) {
    await writeAtomically(join(dir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  }
  const described = new Map<string, Promise<StoredImage>>();
  const unpacking = new Map<string, Promise<string>>();

  const locked = <T>(action: () => Promise<T>) => withLock(join(dir, '.lock'), action);
  const named = async () => (await readIndex(indexPath)).manifests.filter((entry) => nameOf(entry) !== '');

  function describe(entry: Descriptor): Promise<StoredImage> {
    const key = `${nameOf(entry)} ${entry.digest}`;
    const known = described.get(key);
    if (known) return known;
    const loading = load(dir, entry);
    described.set(key, loading);
    loading.catch(() => described.delete(key));
    return loading;
  }

  async function find(reference: string): Promise<Descriptor | undefined> {
    const wanted = parseReference(reference);
    const entries = await named();
    if (wanted.digest === undefined) {
      const full = formatReference(wanted);
      return entries.find((entry) => nameOf(entry) === full);
    }
    const repository = repositoryOf(wanted);
    return entries.find((entry) => entry.digest === wanted.digest && isOf(repository, entry));
  }

  async function tagsOf(reference: string): Promise<string[]> {
    const repository = repositoryOf(parseReference(reference));
    const tags = (await named())
      .filter((entry) => isOf(repository, entry))
      .map((entry) => nameOf(entry).slice(repository.length + 1));
    return tags.sort();
  }

  function unpackLayer(layer: Descriptor, diffId: string): Promise<string> {
    const folder = join(dir, 'unpacked', folderOf(layer.digest));
    const running = unpacking.get(folder);
    if (running) return running;
    const work = unpackInto(dir, layer, diffId, folder).finally(() => unpacking.delete(folder));
    unpacking.set(folder, work);
    return work;
  }

  return {
    dir,
    tagsOf,
    async list() {
      const entries = (await named()).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      return Promise.all(entries.map(describe));
    },
    async resolve(reference) {
      const entry = await find(reference);
      if (!entry) return undefined;
      try {
        return await describe(entry);
      } catch (error) {
        // Built again between the two looks: the name means another image now, and the blobs of the old one are gone.
        const current = await find(reference);
        if (current?.digest === entry.digest) throw error;
        return current && describe(current);
      }
    },
    async explainMissing(reference) {
      const familiar = familiarReference(parseReference(reference));
      const tags = await tagsOf(reference);
      const there = tags.length > 0 ? `tags there: ${tags.join(', ')}` : 'no tag of it is there';
      return `image "${familiar}" is not in the local image store (${there}); Homeport does not pull from remote registries yet: build it with "homeport image build FOLDER -t ${familiar}"`;
    },
    async unpack(image) {
      const entry = (await readIndex(indexPath)).manifests.find((found) => found.digest === image.digest);
      if (!entry) throw new Error(`no image with digest ${image.digest} is in the local image store`);
      const manifest = await getDocument<ImageManifest>(dir, entry);
      const configuration = await getDocument<ImageConfiguration>(dir, manifest.config);
      return Promise.all(
        manifest.layers.map((layer, at) => unpackLayer(layer, configuration.rootfs.diff_ids[at] ?? '')),
      );
    },
    async put(image) {
      try {
        return await locked(() => put(dir, indexPath, image));
      } finally {
        for (const { file } of image.layers) await rm(file, { force: true });
      }
    },
    async remove(reference) {
      const entry = await find(reference);
      return entry ? locked(() => replaceNames(dir, indexPath, [nameOf(entry)], [])) : false;
    },
    removeUnused: () => locked(() => removeUnused(dir, indexPath)),
    onChange(listener) {
      const watcher = watch(dir, { persistent: false }, (_event, name) => {
        if (name === 'index.json') listener();
      });
      return () => watcher.close();
    },
  };
}

const nameOf = (entry: Descriptor) => entry.annotations?.[annotation.name] ?? '';

const isOf = (repository: string, entry: Descriptor) => {
  const name = nameOf(entry);
  return name.startsWith(`${repository}:`) && !name.slice(repository.length + 1).includes('/');
};

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function readIndex(path: string): Promise<ImageIndex> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return { schemaVersion: 2, mediaType: media.index, manifests: [] };
    }
    throw new Error(`reading the image store's index ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

async function load(dir: string, entry: Descriptor): Promise<StoredImage> {
  const manifest = await getDocument<ImageManifest>(dir, entry);
  const { config = {} } = await getDocument<ImageConfiguration>(dir, manifest.config);
  return {
    reference: nameOf(entry),
    digest: entry.digest,
    size: manifest.layers.reduce((total, layer) => total + layer.size, 0),
    base: manifest.annotations?.[annotation.base] === 'host' ? 'host' : undefined,
    created: entry.annotations?.[annotation.created] ?? '',
    config: {
      entrypoint: config.Entrypoint ?? [],
      cmd: config.Cmd ?? [],
      env: config.Env ?? [],
      workingDir: config.WorkingDir || '/',
      user: config.User ?? '',
      labels: config.Labels ?? {},
    },
  };
}

async function unpackInto(dir: string, layer: Descriptor, diffId: string, folder: string): Promise<string> {
  if (await exists(folder)) return folder;
  const aside = `${folder}.${randomBytes(6).toString('hex')}`;
  await mkdir(aside, { recursive: true, mode: 0o755 });
  try {
    await pipeline(readVerified(dir, layer.digest), createGunzip(), verifier(diffId, 'the layer'), (bytes) =>
      extractLayer(bytes, aside),
    );
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    // Another process may have been faster.
    if (!(await exists(folder))) throw error;
  }
  return folder;
}

async function put(dir: string, indexPath: string, image: NewImage): Promise<StoredImage> {
  // Under the lock, like the removal of blobs that nothing needs: another build may just give up the same layer.
  for (const { descriptor, file } of image.layers) await rename(file, blobPath(dir, descriptor.digest));
  const config = await putDocument(dir, media.config, image.configuration);
  const manifest: ImageManifest = {
    schemaVersion: 2,
    mediaType: media.manifest,
    config,
    layers: image.layers.map(({ descriptor }) => descriptor),
    ...(image.base ? { annotations: { [annotation.base]: image.base } } : {}),
  };
  const stored = await putDocument(dir, media.manifest, manifest);
  const names = image.references.map((reference) => formatReference(parseReference(reference)));
  // When it was built belongs to the name: equal content is one image, whenever it is built.
  const entries = names.map((name) => ({
    ...stored,
    annotations: { [annotation.name]: name, [annotation.created]: image.created },
  }));
  const [first] = entries;
  if (!first) throw new Error('an image needs at least one name');
  await replaceNames(dir, indexPath, names, entries);
  return load(dir, first);
}

/** Gives names another meaning, or none, and drops the blobs that nothing needs any more. False: none of them was there. */
async function replaceNames(dir: string, indexPath: string, names: string[], entries: Descriptor[]): Promise<boolean> {
  const index = await readIndex(indexPath);
  const gone = index.manifests.filter((entry) => names.includes(nameOf(entry)));
  index.manifests = [...index.manifests.filter((entry) => !gone.includes(entry)), ...entries];
  if (gone.length + entries.length === 0) return false;
  await writeAtomically(indexPath, JSON.stringify(index, null, 2));
  const needed = new Set((await Promise.all(index.manifests.map((entry) => blobsOf(dir, entry)))).flat());
  for (const digest of (await Promise.all(gone.map((entry) => blobsOf(dir, entry)))).flat()) {
    // Unpacked layers stay: a running container may stand on them.
    if (!needed.has(digest)) await rm(blobPath(dir, digest), { force: true });
  }
  return gone.length > 0;
}

async function removeUnused(dir: string, indexPath: string): Promise<void> {
  const index = await readIndex(indexPath);
  const needed = new Set((await Promise.all(index.manifests.map((entry) => blobsOf(dir, entry)))).flat().map(folderOf));
  for (const name of await readdir(join(dir, 'unpacked'))) {
    if (!needed.has(name)) await rm(join(dir, 'unpacked', name), { recursive: true, force: true });
  }
}

/** The name of a layer's folder. */
const folderOf = (digest: string) => digest.replace(':', '-');

async function blobsOf(dir: string, entry: Descriptor): Promise<string[]> {
  const manifest = await getDocument<ImageManifest>(dir, entry);
  return [entry.digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)];
}
