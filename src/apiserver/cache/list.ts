import { ApiError, badRequest } from '../../machinery/index.ts';
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

/** How long one turn may look for what is selected, in ms, and after how many objects it looks at the clock. */
const TURN = 5;
const LOOKS = 64;

/**
 * One page of the objects in a selection, all as of one revision. Where labels or fields decide, which are parsed for that,
 * others have their turn as it goes.
 * @param revision the newest committed revision.
 * @throws ApiError 410 when the revision of the token, or the exact one, is no longer retained, 504 when it is still to
 * come; 400 for a bad token.
 */
export function listPage(
  cache: ResourceCache,
  revision: number,
  selection: Selection,
  request: PageRequest,
): Page | Promise<Page> {
  const steps = collect(cache, revision, selection, request);
  const turned = oneTurn(steps);
  return isPage(turned) ? turned : furtherTurns(steps, turned);
}

/** The page once it is complete; it yields where it can be left for a while, or what it has to wait for. */
type Collecting = Generator<Promise<void> | undefined, Page>;

function oneTurn(steps: Collecting): Page | Promise<void> | undefined {
  const ends = performance.now() + TURN;
  for (;;) {
    const { done, value } = steps.next();
    if (done || value) return value;
    if (performance.now() > ends) return undefined;
  }
}

async function furtherTurns(steps: Collecting, waits: Promise<void> | undefined): Promise<Page> {
  for (let wait = waits; ; ) {
    await (wait ?? new Promise(setImmediate));
    const turned = oneTurn(steps);
    if (isPage(turned)) return turned;
    wait = turned;
  }
}

const isPage = (turned: Page | Promise<void> | undefined): turned is Page =>
  turned !== undefined && !(turned instanceof Promise);

function* collect(cache: ResourceCache, revision: number, selection: Selection, request: PageRequest): Collecting {
  const token = request.continue === undefined ? undefined : parseToken(request.continue);
  const wanted = token ? token.revision : (request.exact ?? revision);
  const at = wanted < 0 ? revision : wanted;
  if (at > revision) throw tooLargeRevision(at, revision);
  if (at < revision && !cache.reach(at)) throw token ? expiredToken(token) : expiredList();
  const source = at < revision ? snapshot(cache, at, selection.namespace) : cache.candidates(selection);
  const selective = isSelective(selection);
  const scope = walk(source, selection, token);
  const entries: Entry[] = [];
  let more = false;
  let looked = 0;
  // The objects change between the turns: those of this revision are held.
  const held = selective ? [...scope] : scope;
  if (selection.prepare) yield selection.prepare([...held]);
  for (const entry of held) {
    if (selective && ++looked % LOOKS === 0) yield;
    if (!selects(selection, entry)) continue;
    if (request.limit > 0 && entries.length === request.limit) {
      more = true;
      break;
    }
    entries.push(entry);
  }
  const last = entries.at(-1);
  if (!more || !last) return { entries, revision: at };
  const next = encodeToken({ revision: at, namespace: last.namespace, name: last.name });
  if (selective) return { entries, revision: at, continue: next };
  return { entries, revision: at, continue: next, remaining: source.countAfter(selection.namespace, last) };
}

/** What the selection is among. */
function* walk(source: OrderedEntries, selection: Selection, after: Token | undefined): Iterable<Entry> {
  if (selection.name !== undefined && selection.namespace !== undefined && !after) {
    const entry = source.get(selection.namespace, selection.name);
    if (entry) yield entry;
    return;
  }
  yield* source.from(selection.namespace, after);
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
  const bad = (why: string): ApiError => badRequest(`invalid continue token: continue key is not valid: ${why}`);
  let token: Record<string, unknown>;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw bad('it is no token of this server');
  }
  const { v: version, rv: revision, start } = token ?? {};
  if (version !== 'meta.k8s.io/v1')
    throw bad(`server does not recognize this encoded version ${String(version ?? '')}`);
  if (!Number.isSafeInteger(revision) || revision === 0) {
    throw bad('incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  }
  if (typeof start !== 'string' || start === '') {
    throw bad('no start key in the continuation token (version meta.k8s.io/v1)');
  }
  const parts = start.split('/');
  // Nothing that could lead out of the resource.
  if (parts.length !== 2 || parts.includes('.') || parts.includes('..')) throw bad(start);
  return { revision: revision as number, namespace: parts[0] ?? '', name: parts[1] ?? '' };
}

/** 504 for a revision that this server has not reached. */
export function tooLargeRevision(wanted: number, current: number): ApiError {
  const message = `Timeout: Too large resource version: ${wanted}, current: ${current}`;
  return new ApiError(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** 410 for a list at a revision that is no longer retained. */
function expiredList(): ApiError {
  return new ApiError(410, 'Expired', 'The resourceVersion for the provided list is too old.');
}

/** 410 for a watch from a revision whose later changes are no longer all known. */
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
