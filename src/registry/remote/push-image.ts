import { createReadStream } from 'node:fs';
import { createTurns } from '../../host/index.ts';
import { blobPath, exists, readBlob } from '../blobs.ts';
import { type Manifest, readManifest } from '../documents.ts';
import type { Descriptor } from '../oci.ts';
import { choosePlatform, machinePlatform } from '../platform.ts';
import type { BlobProgress } from './fetch-image.ts';
import type { Session } from './session.ts';

export interface SendOptions {
  session: Session;
  /** The store's folder. */
  dir: string;
  tell: (progress: BlobProgress) => void;
}

/** Blobs that are uploaded at a time. */
const mostAtOnce = 3;

/**
 * Sends an image from the store to a registry, blobs first; those that are there already stay as they are. An index of
 * which only this machine's image is here is sent as that image.
 * @returns the digest that the name stands for there
 */
export async function sendImage(options: SendOptions, entry: Descriptor, reference: string): Promise<string> {
  const bytes = await readBlob(options.dir, entry.digest);
  const manifest = readManifest(bytes, entry.mediaType);
  if (manifest.kind === 'index') {
    const { manifests } = manifest.index;
    const here = await Promise.all(manifests.map(({ digest }) => exists(blobPath(options.dir, digest))));
    if (!here.every(Boolean)) return sendOwn(options, manifests, reference);
    for (const each of manifests) await sendImage(options, each, each.digest);
  } else await sendBlobs(options, manifest);
  await sendManifest(options, bytes, manifest, reference);
  return entry.digest;
}

async function sendOwn(options: SendOptions, manifests: readonly Descriptor[], reference: string): Promise<string> {
  const own = choosePlatform(manifests, machinePlatform());
  if (!own) throw new Error('no image for this machine is in the index');
  return sendImage(options, own, reference);
}

async function sendBlobs(options: SendOptions, manifest: Extract<Manifest, { kind: 'image' }>): Promise<void> {
  const { config, layers } = manifest.manifest;
  const unique = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
  const turns = createTurns(mostAtOnce);
  const all = await Promise.allSettled([...unique.values()].map((blob) => turns.take(() => sendBlob(options, blob))));
  for (const each of all) if (each.status === 'rejected') throw each.reason;
}

async function sendBlob({ session, dir, tell }: SendOptions, { digest, size: total }: Descriptor): Promise<void> {
  const there = await session.ask({ method: 'HEAD', path: `blobs/${digest}` });
  there.resume();
  if (there.statusCode === 200) return tell({ digest, done: total, total, state: 'present' });
  const begun = await session.expect([202], {
    method: 'POST',
    path: 'blobs/uploads/',
    headers: { 'content-length': '0' },
  });
  begun.resume();
  const location = new URL(begun.headers.location ?? '', session.base);
  location.searchParams.set('digest', digest);
  const body = () => {
    let done = 0;
    return createReadStream(blobPath(dir, digest)).on('data', (chunk) => {
      done += chunk.length;
      tell({ digest, done, total, state: 'transferring' });
    });
  };
  const headers = { 'content-type': 'application/octet-stream', 'content-length': String(total) };
  const stored = await session.expect([201], { method: 'PUT', path: location, headers, body });
  stored.resume();
  tell({ digest, done: total, total, state: 'done' });
}

async function sendManifest({ session }: SendOptions, bytes: Buffer, manifest: Manifest, reference: string) {
  const { mediaType } = manifest.kind === 'index' ? manifest.index : manifest.manifest;
  const headers = { 'content-type': mediaType, 'content-length': String(bytes.length) };
  const stored = await session.expect([201], {
    method: 'PUT',
    path: `manifests/${reference}`,
    headers,
    body: () => bytes,
  });
  stored.resume();
}
