import type { IncomingMessage, ServerResponse } from 'node:http';
import { blobPath, largestDocument, readBlob, sha256, writeAtomically } from '../blobs.ts';
import { type Manifest, readManifest } from '../documents.ts';
import type { Descriptor } from '../oci.ts';
import { readBody } from '../remote/send.ts';
import type { ImageStore } from '../store.ts';
import { DistributionError } from './distribution-error.ts';
import type { Repositories } from './repositories.ts';

interface ManifestRequest {
  store: ImageStore;
  repositories: Repositories;
  repository: string;
  /** Tag or digest. */
  reference: string;
  request: IncomingMessage;
  response: ServerResponse;
}

const unknown = (repository: string, reference: string) =>
  new DistributionError('MANIFEST_UNKNOWN', `manifest ${reference} is not in the repository ${repository}`);

/** GET and HEAD of a manifest: the bytes that were pushed. */
export async function serveManifest(asked: ManifestRequest): Promise<void> {
  const { store, repositories, repository, reference, request, response } = asked;
  const found = await repositories.find(repository, reference);
  const bytes = found && (await readBlob(store.dir, found.digest).catch(() => undefined));
  if (!found || !bytes) throw unknown(repository, reference);
  response.writeHead(200, {
    'content-type': found.mediaType,
    'content-length': bytes.length,
    'docker-content-digest': found.digest,
    etag: `"${found.digest}"`,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** PUT of a manifest, all of whose blobs must be here; what it refers to as its subject need not. */
export async function putManifest(asked: ManifestRequest): Promise<void> {
  const { store, repositories, repository, reference, request, response } = asked;
  if (Number(request.headers['content-length'] ?? 0) > largestDocument)
    throw new DistributionError('SIZE_INVALID', `a manifest has at most ${largestDocument} bytes`);
  const bytes = await readBody(request, largestDocument);
  const digest = sha256(bytes);
  if (reference.includes(':') && reference !== digest)
    throw new DistributionError('DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference}`);
  const manifest = parse(bytes, request.headers['content-type'] ?? '');
  await writeAtomically(blobPath(store.dir, digest), bytes);
  const { mediaType, subject } = manifest.kind === 'index' ? manifest.index : manifest.manifest;
  const descriptor: Descriptor = { mediaType, digest, size: bytes.length };
  if (!(await repositories.put(repository, reference, descriptor, neededBy(manifest))))
    throw new DistributionError('MANIFEST_BLOB_UNKNOWN', 'blobs that the manifest names are not here: push them first');
  response.writeHead(201, {
    location: `/v2/${repository}/manifests/${reference}`,
    'docker-content-digest': digest,
    'content-length': 0,
    ...(subject ? { 'oci-subject': subject.digest } : {}),
  });
  response.end();
}

function parse(bytes: Buffer, contentType: string): Manifest {
  try {
    return readManifest(bytes, contentType);
  } catch (error) {
    throw new DistributionError('MANIFEST_INVALID', error instanceof Error ? error.message : String(error));
  }
}

function neededBy(manifest: Manifest): string[] {
  if (manifest.kind === 'index') return manifest.index.manifests.map(({ digest }) => digest);
  const { config, layers } = manifest.manifest;
  // What lies elsewhere by its own word (foreign layers) need not be here.
  return [config, ...layers.filter(({ urls }) => !urls?.length)].map(({ digest }) => digest);
}

export async function deleteManifest({ repositories, repository, reference, response }: ManifestRequest) {
  if (!(await repositories.remove(repository, reference))) throw unknown(repository, reference);
  response.writeHead(202, { 'content-length': 0 }).end();
}
