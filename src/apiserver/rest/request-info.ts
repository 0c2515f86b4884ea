import type { RequestInfo } from '../contracts.ts';
import { flag } from '../flag.ts';

const VERB_OF_METHOD: Record<string, string> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
/** Subresources of a namespace; any other segment after its name is a resource inside it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function nonResource(method: string, path: string): RequestInfo {
  return {
    verb: method.toLowerCase(),
    path,
    isResource: false,
    group: '',
    version: '',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
  };
}

/** The path's segments, decoded; undefined when an escape is malformed or a segment could leave its place. */
function segmentsOf(path: string): string[] | undefined {
  try {
    const parts = path.split('/').filter((part) => part !== '');
    const segments = path.includes('%') ? parts.map(decodeURIComponent) : parts;
    const unsafe = segments.some((segment) => segment.includes('/') || segment === '.' || segment === '..');
    return unsafe ? undefined : segments;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** The name that a field selector pins, as authorization sees it for list and watch. */
function pinnedName(query: URLSearchParams): string {
  return /(?:^|,)metadata\.name==?([^,\\=]+)(?:,|$)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}

/** Takes `namespaces/NAME` off the front, unless the namespace itself is meant. */
function namespaceOf(parts: string[]): { namespace: string; parts: string[] } {
  if (parts[0] !== 'namespaces' || parts.length < 2) return { namespace: '', parts };
  const namespace = parts[1] ?? '';
  const inside = parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? '');
  return { namespace, parts: inside ? parts.slice(2) : parts };
}

/**
 * What a request is about, read off its method, path and query (apiserver's RequestInfoFactory). Paths outside
 * /api/VERSION and /apis/GROUP/VERSION are not resources; neither are discovery documents.
 */
export function requestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = segmentsOf(path);
  if (!segments) return nonResource(method, path);
  const [root, ...rest] = segments;
  const depth = root === 'api' ? 1 : root === 'apis' ? 2 : undefined;
  if (depth === undefined || rest.length <= depth) return nonResource(method, path);
  const group = root === 'api' ? '' : (rest[0] ?? '');
  const version = rest[depth - 1] ?? '';
  let parts = rest.slice(depth);
  let verb = VERB_OF_METHOD[method] ?? method.toLowerCase();
  if (parts[0] === 'watch' && parts.length > 1 && verb === 'get') {
    verb = 'watch';
    parts = parts.slice(1);
  }
  const { namespace, parts: inside } = namespaceOf(parts);
  const [resource = '', name = '', ...sub] = inside;
  const info = { path, isResource: true, group, version, resource, subresource: sub.join('/'), namespace, name };
  if (name === '' && verb === 'get') verb = flag(query, 'watch') ? 'watch' : 'list';
  if (name === '' && verb === 'delete') verb = 'deletecollection';
  if (name === '' && (verb === 'list' || verb === 'watch' || verb === 'deletecollection'))
    info.name = pinnedName(query);
  return { verb, ...info };
}
