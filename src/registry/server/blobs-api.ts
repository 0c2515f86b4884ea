import { createReadStream } from 'node:fs';
import { rm, stat, utimes } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { blobPath } from '../blobs.ts';
import type { ImageStore } from '../store.ts';
import { DistributionError } from './distribution-error.ts';
import { digestOf } from './route.ts';
import { rangeOf, type Uploads } from './uploads.ts';

/** GET and HEAD of a blob, with one range if asked for. */
export async function serveBlob(
  store: ImageStore,
  digest: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const size = await touch(store, digest);
  if (size === undefined) throw new DistributionError('BLOB_UNKNOWN', `blob ${digest} is not here`);
  const headers = {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  };
  const range = rangeAsked(request.headers.range, size);
  const { first, last } = range ?? { first: 0, last: size - 1 };
  response.writeHead(range ? 206 : 200, {
    ...headers,
    'content-length': last - first + 1,
    ...(range ? { 'content-range': `bytes ${first}-${last}/${size}` } : {}),
  });
  if (request.method === 'HEAD' || size === 0) response.end();
  else await pipeline(createReadStream(blobPath(store.dir, digest), { start: first, end: last }), response);
}

function rangeAsked(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (first > last)
    throw new DistributionError('RANGE_INVALID', `the blob has ${size} bytes`, { 'content-range': `bytes */${size}` });
  return { first, last };
}

/** The size of a blob that is here. Who asks may rely on it for a manifest soon: its age begins anew. */
async function touch(store: ImageStore, digest: string): Promise<number | undefined> {
  const path = blobPath(store.dir, digest);
  const found = await stat(path).catch(() => undefined);
  const now = new Date();
  if (found) await utimes(path, now, now).catch(() => undefined);
  return found?.size;
}

/** DELETE of a blob, which no image may need any more. */
export async function deleteBlob(store: ImageStore, digest: string, response: ServerResponse): Promise<void> {
  if ((await touch(store, digest)) === undefined)
    throw new DistributionError('BLOB_UNKNOWN', `blob ${digest} is not here`);
  const needed = await store.isNeeded(digest);
  if (needed) throw new DistributionError('UNSUPPORTED', `an image needs the blob ${digest}: delete the image`);
  await rm(blobPath(store.dir, digest), { force: true });
  response.writeHead(202).end();
}

interface UploadRequest {
  store: ImageStore;
  uploads: Uploads;
  repository: string;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
}

/** POST: begins an upload, takes a whole blob at once (`digest`), or finds one that is here (`mount`). */
export async function beginUpload(asked: UploadRequest): Promise<void> {
  const { store, uploads, repository, query, request, response } = asked;
  const mount = query.get('mount');
  if (mount !== null && (await touch(store, digestOf(mount))) !== undefined)
    return created(response, repository, mount);
  const whole = query.get('digest');
  if (whole !== null) digestOf(whole);
  const id = await uploads.begin();
  if (whole !== null) return finishUpload({ ...asked, id });
  request.resume();
  accepted(response, repository, id, 0);
}

/** PATCH: adds a part, which may say where it belongs. */
export async function continueUpload({ uploads, repository, id, request, response }: UploadRequest & { id: string }) {
  const size = await uploads.append(id, request, startOf(request.headers['content-range']));
  accepted(response, repository, id, size);
}

/** PUT: the last part, if any, and what all of it should be. */
export async function finishUpload(asked: UploadRequest & { id: string }): Promise<void> {
  const { uploads, repository, query, id, request, response } = asked;
  const digest = digestOf(query.get('digest') ?? '');
  await uploads.append(id, request, startOf(request.headers['content-range']));
  await uploads.finish(id, digest);
  created(response, repository, digest);
}

export async function showUpload({ uploads, repository, id, response }: UploadRequest & { id: string }): Promise<void> {
  const size = await uploads.size(id);
  response
    .writeHead(204, { location: locationOf(repository, id), range: rangeOf(size), 'docker-upload-uuid': id })
    .end();
}

function startOf(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const start = /^(?:bytes[ =])?(\d+)-\d+/.exec(header)?.[1];
  if (start === undefined) throw new DistributionError('BLOB_UPLOAD_INVALID', 'the Content-Range cannot be read');
  return Number(start);
}

const locationOf = (repository: string, id: string) => `/v2/${repository}/blobs/uploads/${id}`;

function accepted(response: ServerResponse, repository: string, id: string, size: number): void {
  const headers = { location: locationOf(repository, id), range: rangeOf(size), 'docker-upload-uuid': id };
  response.writeHead(202, { ...headers, 'content-length': 0 }).end();
}

function created(response: ServerResponse, repository: string, digest: string): void {
  const location = `/v2/${repository}/blobs/${digest}`;
  response.writeHead(201, { location, 'docker-content-digest': digest, 'content-length': 0 }).end();
}
