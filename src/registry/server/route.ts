import { isDigest } from '../oci.ts';
import { isRepositoryPath, isTag } from '../reference.ts';
import { DistributionError } from './distribution-error.ts';

/** What a path of the API stands for. */
export type Route =
  | { kind: 'base' }
  | { kind: 'catalog' }
  | { kind: 'tags'; repository: string }
  | { kind: 'blob'; repository: string; digest: string }
  | { kind: 'uploads'; repository: string }
  | { kind: 'upload'; repository: string; id: string }
  | { kind: 'manifest'; repository: string; reference: string }
  | { kind: 'referrers'; repository: string; digest: string };

const uploadId = /^[0-9a-f]{32}$/;

/**
 * Reads a path. A repository's name may have parts called `blobs` or `manifests`: what counts is how the path ends.
 * @throws DistributionError for a name, tag or digest of another form; undefined for what is no path of the API.
 */
export function routeOf(path: string): Route | undefined {
  if (path === '/v2' || path === '/v2/') return { kind: 'base' };
  if (path === '/v2/_catalog') return { kind: 'catalog' };
  if (!path.startsWith('/v2/')) return undefined;
  const rest = path.slice('/v2/'.length);
  const tags = /^(.+)\/tags\/list$/.exec(rest);
  if (tags) return { kind: 'tags', repository: nameOf(tags[1]) };
  const uploads = /^(.+)\/blobs\/uploads\/?([^/]*)$/.exec(rest);
  if (uploads) return upload(nameOf(uploads[1]), uploads[2] ?? '');
  const [, name, kind, last = ''] = /^(.+)\/(blobs|manifests|referrers)\/([^/]+)$/.exec(rest) ?? [];
  if (kind === undefined) return undefined;
  const repository = nameOf(name);
  if (kind === 'blobs') return { kind: 'blob', repository, digest: digestOf(decoded(last)) };
  if (kind === 'referrers') return { kind: 'referrers', repository, digest: digestOf(decoded(last)) };
  return { kind: 'manifest', repository, reference: /:|%3a/i.test(last) ? digestOf(decoded(last)) : tagOf(last) };
}

function upload(repository: string, id: string): Route {
  if (id === '') return { kind: 'uploads', repository };
  if (uploadId.test(id)) return { kind: 'upload', repository, id };
  throw new DistributionError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
}

function nameOf(name: string | undefined): string {
  if (name !== undefined && name.length <= 255 && isRepositoryPath(name)) return name;
  throw new DistributionError('NAME_INVALID', `invalid repository name ${JSON.stringify(name)}`);
}

function tagOf(tag: string): string {
  if (isTag(tag)) return tag;
  throw new DistributionError('MANIFEST_INVALID', `invalid tag ${JSON.stringify(tag)}`);
}

/** Some clients write the colon of a digest as %3A. */
const decoded = (digest: string) => digest.replace(/%3a/i, ':');

export function digestOf(digest: string): string {
  if (isDigest(digest)) return digest;
  throw new DistributionError('DIGEST_INVALID', `${JSON.stringify(digest)} is not a digest of the form sha256:HEX`);
}
