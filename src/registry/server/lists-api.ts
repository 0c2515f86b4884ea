import type { ServerResponse } from 'node:http';
import { media } from '../oci.ts';
import { DistributionError } from './distribution-error.ts';
import type { Repositories } from './repositories.ts';

/** Most names in one answer. */
const mostNames = 1000;

export async function listTags(
  repositories: Repositories,
  repository: string,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const tags = await repositories.tags(repository);
  if (!tags) throw new DistributionError('NAME_UNKNOWN', `the repository ${repository} is not here`);
  const { page, headers } = pageOf(tags, query, `/v2/${repository}/tags/list`);
  json(response, { name: repository, tags: page }, headers);
}

export async function listRepositories(repositories: Repositories, query: URLSearchParams, response: ServerResponse) {
  const { page, headers } = pageOf(await repositories.names(), query, '/v2/_catalog');
  json(response, { repositories: page }, headers);
}

export async function listReferrers(
  repositories: Repositories,
  { repository, digest }: { repository: string; digest: string },
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const type = query.get('artifactType');
  const all = await repositories.referrers(repository, digest);
  const manifests = type === null ? all : all.filter(({ artifactType }) => artifactType === type);
  json(
    response,
    { schemaVersion: 2, mediaType: media.index, manifests },
    { 'content-type': media.index, ...(type === null ? {} : { 'oci-filters-applied': 'artifactType' }) },
  );
}

/** The names after `last`, at most `n`, and a Link to the next ones. */
function pageOf(names: readonly string[], query: URLSearchParams, path: string) {
  const asked = query.get('n');
  if (asked !== null && !/^\d{1,9}$/.test(asked))
    throw new DistributionError('UNSUPPORTED', `n must be a number, not ${JSON.stringify(asked)}`);
  const count = Math.min(asked === null ? mostNames : Number(asked), mostNames);
  const last = query.get('last');
  const after = last === null ? names : names.filter((name) => name > last);
  const page = after.slice(0, count);
  const more = page.length > 0 && after.length > page.length;
  const next = `${path}?${new URLSearchParams({ n: String(count), last: page.at(-1) ?? '' })}`;
  const headers: Record<string, string> = more ? { link: `<${next}>; rel="next"` } : {};
  return { page, headers };
}

function json(response: ServerResponse, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
