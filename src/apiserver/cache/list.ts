import { ApiError } from '../../machinery/index.ts';
import type { Entry } from '../store/entry.ts';
import type { ResourceCache } from './cache.ts';
import type { OrderedEntries } from './order.ts';
import { isSelective, type Selection, selects } from './selection.ts';

export interface Page {
  entries: Entry[];
  revision: number;
  continue?: string;
  remaining?: number;
}

export interface PageRequest {
  /** 0: everything. */
  limit: number;
  /** A token from an earlier page. */
  continue?: string;
  /** List the objects as they were at this revision. */
  exact?: number;
}

interface Token {
  /** -1: go on from whatever the objects are by then. */
  revision: number;
  namespace: string;
  name: string;
}

/**
 * One page of the objects in a selection, all as of one revision.
 * @param revision the newest committed revision.
 * @throws ApiError 410 when the revision of the token, or the exact one, is no longer retained; 400 for a bad token.
 */
export function listPage(cache: ResourceCache, revision: number, selection: Selection, request: PageRequest): Page {
  const token = request.continue === undefined ? undefined : parseToken(request.continue);
  const wanted = token ? token.revision : (request.exact ?? revision);
  const at = wanted < 0 ? revision : wanted;
  if (token && at > revision) throw expiredToken(token);
  if (at < revision && !cache.reach(at)) throw token ? expiredToken(token) : expired(at, cache.ring.startRevision);
  const source = at < revision ? snapshot(cache, at, selection.namespace) : cache.candidates(selection);
  const entries: Entry[] = [];
  let more = false;
  for (const entry of walk(source, selection, token)) {
    if (request.limit > 0 && entries.length === request.limit) {
      more = true;
      break;
    }
    entries.push(entry);
  }
  const last = entries.at(-1);
  if (!more || !last) return { entries, revision: at };
  const next = encodeToken({ revision: at, namespace: last.namespace, name: last.name });
  if (isSelective(selection)) return { entries, revision: at, continue: next };
  return { entries, revision: at, continue: next, remaining: source.countAfter(selection.namespace, last) };
}

function* walk(source: OrderedEntries, selection: Selection, after: Token | undefined): Iterable<Entry> {
  if (selection.name !== undefined && selection.namespace !== undefined && !after) {
    const entry = source.get(selection.namespace, selection.name);
    if (entry && selects(selection, entry)) yield entry;
    return;
  }
  for (const entry of source.from(selection.namespace, after)) if (selects(selection, entry)) yield entry;
}

/** The objects as they were at an older revision: today's, with every later change taken back, the newest first. */
function snapshot(cache: ResourceCache, revision: number, namespace: string | undefined): OrderedEntries {
  const past = cache.entries.copy(namespace);
  const { ring } = cache;
  for (let position = ring.endPosition - 1; position >= ring.positionAfter(revision); position--) {
    const event = ring.at(position);
    if (!event || (namespace !== undefined && event.entry.namespace !== namespace)) continue;
    if (event.previous) past.set(event.previous);
    else past.delete(event.entry.namespace, event.entry.name);
  }
  return past;
}

function encodeToken(token: Token): string {
  const json = JSON.stringify({ v: 'meta.k8s.io/v1', rv: token.revision, start: `${token.namespace}/${token.name}` });
  return Buffer.from(json).toString('base64url');
}

function parseToken(text: string): Token {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>;
    if (v === 'meta.k8s.io/v1' && Number.isSafeInteger(rv) && typeof start === 'string' && start.includes('/')) {
      const slash = start.indexOf('/');
      return { revision: rv as number, namespace: start.slice(0, slash), name: start.slice(slash + 1) };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new ApiError(400, 'BadRequest', 'continue key is not valid: illegal base64 data or not a continue token');
}

/** 410 for a watch or list from a revision whose later changes are no longer all known. */
export function expired(revision: number, oldest: number): ApiError {
  return new ApiError(410, 'Expired', `too old resource version: ${revision} (${oldest})`);
}

/** 410 that carries a token with which the client may go on, knowing that the rest belongs to a newer revision. */
function expiredToken(token: Token): ApiError {
  const error = new ApiError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  );
  return Object.assign(error, { continueToken: encodeToken({ ...token, revision: -1 }) });
}
