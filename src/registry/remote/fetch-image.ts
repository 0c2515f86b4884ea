import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createTurns } from '../../host/index.ts';
import { blobPath, hasBlob, largestDocument, readBlob, sha256, writeAtomically } from '../blobs.ts';
import { type Manifest, readConfiguration, readManifest } from '../documents.ts';
import { type Descriptor, type ImageManifest, manifestTypes } from '../oci.ts';
import { choosePlatform, machinePlatform, platformText } from '../platform.ts';
import { formatReference, type ImageReference } from '../reference.ts';
import { downloadBlob } from './download.ts';
import { RegistryError } from './registry-error.ts';
import { readBody } from './send.ts';
import type { Session } from './session.ts';

/** How far a blob is. */
export interface BlobProgress {
  digest: string;
  /** Bytes, of its compressed form. */
  done: number;
  total: number;
  state: 'transferring' | 'done' | 'present';
}

export interface FetchOptions {
  session: Session;
  /** The store's folder. */
  dir: string;
  reference: ImageReference;
  /** Digest that the name has here: nothing is fetched when the registry's is the same. */
  known: string | undefined;
  /** Downloads under way, by digest: shared by all that go on at once. */
  fetching: Map<string, Promise<void>>;
  tell: (progress: BlobProgress) => void;
}

/** Layers of one image that are downloaded at a time (containerd's default). */
const mostAtOnce = 3;

/**
 * Fetches an image into the store: manifest, configuration and layers of this machine's platform.
 * @returns what its name stands for in the registry: the manifest, or the index of several platforms
 */
export async function fetchImage(options: FetchOptions): Promise<Descriptor> {
  const { reference } = options;
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const name = formatReference(reference);
  const top = await resolving(name, async () => {
    if (options.known !== undefined && (await currentDigest(options.session, wanted)) === options.known)
      return undefined;
    return fetchManifest(options, wanted);
  });
  // Also when the name means what it did: something of it may have been lost since.
  const { descriptor, manifest } = top ?? (await fetchManifest(options, options.known ?? wanted));
  await fetchBlobs(
    options,
    manifest.kind === 'image' ? manifest.manifest : await manifestHere(options, manifest.index.manifests),
  );
  return descriptor;
}

async function manifestHere(options: FetchOptions, manifests: readonly Descriptor[]): Promise<ImageManifest> {
  const machine = machinePlatform();
  const chosen = choosePlatform(manifests, machine);
  if (!chosen) {
    const there = manifests.flatMap(({ platform }) => (platform ? [platformText(platform)] : []));
    const list = [...new Set(there)].slice(0, 20).join(', ') || 'none';
    throw new Error(
      `no match for platform in manifest ${formatReference(options.reference)}: not found for ${platformText(machine)} (there are: ${list})`,
    );
  }
  const { manifest } = await fetchManifest(options, chosen.digest);
  if (manifest.kind === 'image') return manifest.manifest;
  throw new Error(
    `the index of ${formatReference(options.reference)} names another index for ${platformText(machine)}`,
  );
}

/** Puts the registry's answer into the words that containerd has for it. */
async function resolving<T>(name: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const status = error instanceof RegistryError ? error.status : 0;
    const why =
      status === 404
        ? `${name}: not found`
        : status === 401 || status === 403
          ? `pull access denied, repository does not exist or may require authorization: ${said}`
          : said;
    throw new Error(`failed to resolve reference ${JSON.stringify(name)}: ${why}`, { cause: error });
  }
}

async function currentDigest(session: Session, wanted: string): Promise<string | undefined> {
  const headers = { accept: manifestTypes.join(', ') };
  const response = await session.expect([200], { method: 'HEAD', path: `manifests/${wanted}`, headers });
  response.resume();
  const digest = response.headers['docker-content-digest'];
  return typeof digest === 'string' ? digest : undefined;
}

/** A manifest by tag or digest; one that is in the store is taken from there. */
async function fetchManifest(
  { session, dir }: FetchOptions,
  wanted: string,
): Promise<{ descriptor: Descriptor; manifest: Manifest }> {
  const isDigest = wanted.startsWith('sha256:');
  const stored = isDigest ? await readBlob(dir, wanted).catch(() => undefined) : undefined;
  if (stored) {
    const manifest = readManifest(stored, '');
    return { descriptor: describe(manifest, wanted, stored.length), manifest };
  }
  const headers = { accept: manifestTypes.join(', ') };
  const response = await session.expect([200], { method: 'GET', path: `manifests/${wanted}`, headers });
  const bytes = await readBody(response, largestDocument);
  const digest = sha256(bytes);
  const stated = isDigest ? wanted : response.headers['docker-content-digest'];
  if (typeof stated === 'string' && stated.startsWith('sha256:') && stated !== digest)
    throw new Error(`the registry sent other content for the manifest ${stated}: it has the digest ${digest}`);
  const manifest = readManifest(bytes, response.headers['content-type'] ?? '');
  await mkdir(join(dir, 'blobs', 'sha256'), { recursive: true });
  await writeAtomically(blobPath(dir, digest), bytes);
  return { descriptor: describe(manifest, digest, bytes.length), manifest };
}

function describe(manifest: Manifest, digest: string, size: number): Descriptor {
  const { mediaType } = manifest.kind === 'index' ? manifest.index : manifest.manifest;
  return { mediaType, digest, size };
}

async function fetchBlobs(options: FetchOptions, manifest: ImageManifest): Promise<void> {
  checkManifest(manifest);
  // The configuration says whether the rest makes sense, before it is fetched.
  await fetchBlob(options, manifest.config);
  const configuration = readConfiguration(await readBlob(options.dir, manifest.config.digest));
  if (configuration.os !== 'linux') throw new Error(`the image is for ${configuration.os}: only linux images run here`);
  if (configuration.rootfs.diff_ids.length !== manifest.layers.length)
    throw new Error(
      `the image's configuration speaks of ${configuration.rootfs.diff_ids.length} layers, its manifest of ${manifest.layers.length}`,
    );
  const turns = createTurns(mostAtOnce);
  const unique = new Map(manifest.layers.map((layer) => [layer.digest, layer]));
  const all = await Promise.allSettled(
    [...unique.values()].map((layer) => turns.take(() => fetchBlob(options, layer))),
  );
  for (const each of all) if (each.status === 'rejected') throw each.reason;
}

const layerForm =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+gzip|\+zstd)?|oci\.image\.layer\.nondistributable\.v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.diff\.tar(?:\.gzip|\.zstd)?)$/;

function checkManifest({ config, layers }: ImageManifest): void {
  if (config.size > largestDocument)
    throw new Error(`the image's configuration has ${config.size} bytes, which is too much`);
  for (const { mediaType } of layers) {
    if (!layerForm.test(mediaType))
      throw new Error(`a layer is of type ${JSON.stringify(mediaType)}, which is not a file system's`);
  }
}

async function fetchBlob(options: FetchOptions, blob: Descriptor): Promise<void> {
  const { session, dir, fetching, tell } = options;
  const { digest, size: total } = blob;
  if (await hasBlob(dir, blob)) return tell({ digest, done: total, total, state: 'present' });
  const running =
    fetching.get(digest) ??
    downloadBlob(session, dir, blob, (done) => tell({ digest, done, total, state: 'transferring' })).finally(() =>
      fetching.delete(digest),
    );
  fetching.set(digest, running);
  await running;
  tell({ digest, done: total, total, state: 'done' });
}
