import { watch } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath, exists, putDocument, writeAtomically } from './blobs.ts';
import { blobsOfAll, hasLayers, isOf, isTagged, nameOf, readImage, readIndex, replaceNames } from './layout.ts';
import { withLock } from './lock.ts';
import { annotation, type Descriptor, type ImageConfiguration, type ImageManifest, media } from './oci.ts';
import { formatReference, type ImageReference, parseReference, repositoryOf } from './reference.ts';
import { sweep } from './sweep.ts';
import { createUnpacker, removeUnusedLayers } from './unpack.ts';

/** An image of the local store. */
export interface StoredImage {
  /** In full: 'docker.io/library/silly-demo:1.4.305'. */
  reference: string;
  /** Digest of the manifest, or of the index of several platforms: 'sha256:…'. */
  digest: string;
  /** Bytes of the layers, compressed. */
  size: number;
  /** What the layers go on top of: 'host' is this machine's own system folders, read-only. */
  base: 'host' | undefined;
  /** RFC 3339; '' when the image does not say. */
  created: string;
  /** Whether it came from a registry, where its name may mean another image by now. */
  pulled: boolean;
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
  /** What a reference stands for in the index: an image, or whatever else was pushed. Throws for a malformed reference. */
  find(reference: string): Promise<Descriptor | undefined>;
  /** Tags present for the repository of this reference, sorted. */
  tagsOf(reference: string): Promise<string[]>;
  /** Those of them that were built or pushed here, and not pulled. */
  builtTags(reference: string): Promise<string[]>;
  /** Folders of the unpacked layers, lowest first. Unpacked and verified once a layer; never write there. */
  unpack(image: { digest: string }): Promise<string[]>;
  /** Unpacks a manifest that is here, whether or not it has a name. */
  unpackManifest(manifest: Descriptor): Promise<string[]>;
  /** Removes unpacked layers that no image has any more, but for the folders of these names, which containers stand on. */
  removeUnused(inUse: ReadonlySet<string>): Promise<void>;
  /** Stores an image from its layers and configuration under some names. */
  put(image: NewImage): Promise<StoredImage>;
  /**
   * Lets a name stand for a manifest that a registry gave and whose blobs are here.
   * @returns undefined when some of them went meanwhile: they have to be fetched again
   */
  adopt(reference: string, manifest: Descriptor): Promise<StoredImage | undefined>;
  /** What the index names: images, indexes of several platforms, and whatever else was pushed. */
  entries(): Promise<readonly Descriptor[]>;
  /** Lets a name stand for a manifest that is here. False when one of the blobs that it needs is missing. */
  assign(name: string, manifest: Descriptor, needed: readonly string[]): Promise<boolean>;
  /** Forgets names of the index, and what no other needs. False when none of them was there. */
  unassign(names: readonly string[]): Promise<boolean>;
  /** Whether something that has a name needs a blob. */
  isNeeded(digest: string): Promise<boolean>;
  /** Forgets a name, and what no other name needs. False when it was not there. */
  remove(reference: string): Promise<boolean>;
  /** Removes blobs that no image needs and that have lain here for an hour, and what interrupted writers left. @returns bytes */
  sweep(): Promise<number>;
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
  if (!(await exists(join(dir, 'oci-layout')))) {
    await writeAtomically(join(dir, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  }
  const described = new Map<string, Promise<StoredImage>>();
  const unpack = createUnpacker(dir);

  const locked = <T>(action: () => Promise<T>) => withLock(join(dir, '.lock'), action);
  const named = async () => (await readIndex(dir)).manifests.filter((entry) => nameOf(entry) !== '');

  function describe(entry: Descriptor): Promise<StoredImage> {
    const key = `${nameOf(entry)} ${entry.digest} ${entry.annotations?.[annotation.source]}`;
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

  async function tags(reference: string, wanted: (entry: Descriptor) => boolean): Promise<string[]> {
    const repository = repositoryOf(parseReference(reference));
    const entries = (await named()).filter((entry) => isTagged(entry) && isOf(repository, entry) && wanted(entry));
    return entries.map((entry) => nameOf(entry).slice(repository.length + 1)).sort();
  }

  return {
    dir,
    find,
    tagsOf: (reference) => tags(reference, () => true),
    builtTags: (reference) => tags(reference, (entry) => !isPulled(entry)),
    async list() {
      const entries = (await named()).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      // Signatures, charts and images of other platforms may have been pushed here: they are no images to run.
      const all = await Promise.allSettled(entries.map(describe));
      return all.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
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
    unpackManifest: unpack,
    async unpack(image) {
      const entry = (await readIndex(dir)).manifests.find((found) => found.digest === image.digest);
      if (!entry) throw new Error(`no image with digest ${image.digest} is in the local image store`);
      return unpack(entry);
    },
    async put(image) {
      try {
        return await locked(() => put(dir, image));
      } finally {
        for (const { file } of image.layers) await rm(file, { force: true });
      }
    },
    async adopt(reference, manifest) {
      const entry = {
        ...manifest,
        annotations: { [annotation.name]: storedName(parseReference(reference)), [annotation.source]: 'pulled' },
      };
      const kept = await locked(async () => {
        if (!(await hasLayers(dir, entry))) return false;
        await replaceNames(dir, [nameOf(entry)], [entry]);
        return true;
      });
      return kept ? describe(entry) : undefined;
    },
    entries: named,
    assign: (name, { mediaType, digest, size }, needed) =>
      locked(async () => {
        for (const each of [digest, ...needed]) if (!(await exists(blobPath(dir, each)))) return false;
        const entry = { mediaType, digest, size, annotations: { [annotation.name]: name } };
        await replaceNames(dir, [name], [entry]);
        return true;
      }),
    unassign: (names) => locked(() => replaceNames(dir, names, [])),
    async isNeeded(digest) {
      return (await blobsOfAll(dir, await named())).has(digest);
    },
    async remove(reference) {
      const entry = await find(reference);
      return entry ? locked(() => replaceNames(dir, [nameOf(entry)], [])) : false;
    },
    removeUnused: (inUse) =>
      locked(async () => {
        await removeUnusedLayers(dir, inUse);
        await sweep(dir);
      }),
    sweep: () => locked(() => sweep(dir)),
    onChange(listener) {
      const watcher = watch(dir, { persistent: false }, (_event, name) => {
        if (name === 'index.json') listener();
      });
      return () => watcher.close();
    },
  };
}

const isPulled = (entry: Descriptor) => entry.annotations?.[annotation.source] === 'pulled';

/** The name that an image is kept under: with a digest the tag says nothing. */
function storedName(reference: ImageReference): string {
  return formatReference(reference.digest === undefined ? reference : { ...reference, tag: undefined });
}

async function load(dir: string, entry: Descriptor): Promise<StoredImage> {
  const { manifest, configuration } = await readImage(dir, entry);
  const { config = {} } = configuration;
  return {
    reference: nameOf(entry),
    digest: entry.digest,
    size: manifest.layers.reduce((total, layer) => total + layer.size, 0),
    base: manifest.annotations?.[annotation.base] === 'host' ? 'host' : undefined,
    created: entry.annotations?.[annotation.created] ?? configuration.created ?? '',
    pulled: isPulled(entry),
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

async function put(dir: string, image: NewImage): Promise<StoredImage> {
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
  await replaceNames(dir, names, entries);
  return load(dir, first);
}
