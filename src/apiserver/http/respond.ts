import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { ApiError } from '../../machinery/index.ts';
import { listHead } from '../rest/envelope.ts';
import type { Outcome } from '../rest/request.ts';
import { drained } from './drained.ts';
import type { Negotiated } from './negotiate.ts';
import { type IncludeObject, metadataList, objectList, partialMetadata, tableList, tableOf } from './shapes.ts';

/** Pieces of a list are gathered into writes of about this many bytes. */
const WRITE_SIZE = 256 * 1024;
const YAML = 'application/yaml';

/** Sends what a handler answered, but for watches, in the shape that the client asked for. */
export async function respond(
  response: ServerResponse,
  outcome: Exclude<Outcome, { kind: 'watch' }>,
  negotiated: Negotiated,
  include: IncludeObject,
): Promise<void> {
  if (negotiated.format === 'yaml') return sendYaml(response, outcome);
  const { shape, version } = negotiated;
  if (outcome.kind === 'value') return sendText(response, outcome.code, `${JSON.stringify(outcome.value)}\n`);
  const { registration } = outcome;
  if (outcome.kind === 'entry') {
    const { entry, code } = outcome;
    if (shape === 'table') return sendText(response, code, tableOf(registration, entry, include, version, true));
    if (shape === 'metadata') return sendText(response, code, partialMetadata(entry, version));
    return sendBytes(response, code, 'application/json', entry.bytes);
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  const { page } = outcome;
  if (shape === 'table') return stream(response, tableList(registration, page, include, version));
  if (shape === 'metadata') return stream(response, metadataList(registration, page, version));
  return stream(response, objectList(listHead(registration, page), registration, page));
}

/** Writes pieces as fast as the client takes them, and no faster. */
async function stream(response: ServerResponse, pieces: Iterable<Buffer>): Promise<void> {
  let gathered: Buffer[] = [];
  let size = 0;
  for (const piece of pieces) {
    gathered.push(piece);
    size += piece.length;
    if (size < WRITE_SIZE) continue;
    if (!response.write(Buffer.concat(gathered, size))) {
      await drained(response);
      if (response.destroyed) return;
    }
    gathered = [];
    size = 0;
  }
  response.end(Buffer.concat(gathered, size));
}

const toYaml = (value: unknown): string => stringify(value, { aliasDuplicateObjects: false });

function sendYaml(response: ServerResponse, outcome: Exclude<Outcome, { kind: 'watch' }>): void | Promise<void> {
  if (outcome.kind === 'list') {
    response.writeHead(200, { 'content-type': YAML });
    return stream(response, yamlList(outcome));
  }
  const value = outcome.kind === 'value' ? outcome.value : outcome.entry.object;
  sendBytes(response, outcome.code, YAML, Buffer.from(toYaml(value)));
}

/** A list as YAML, in pieces: writing YAML is slow, and other requests must have their turn. */
function* yamlList({ registration, page }: Outcome & { kind: 'list' }): Iterable<Buffer> {
  yield Buffer.from(toYaml(listHead(registration, page)));
  if (page.entries.length === 0) yield Buffer.from('items: []\n');
  else yield Buffer.from('items:\n');
  for (const entry of page.entries) yield Buffer.from(toYaml([registration.view(entry).object]));
}

function sendText(response: ServerResponse, code: number, text: string): void {
  sendBytes(response, code, 'application/json', Buffer.from(text));
}

export function sendBytes(response: ServerResponse, code: number, contentType: string, body: Uint8Array): void {
  response.writeHead(code, { 'content-type': contentType, 'content-length': body.length });
  response.end(body);
}

/** Sends an error as a Status; what is no ApiError is a 500 that tells the client nothing about our insides. */
export function sendError(response: ServerResponse, error: unknown): void {
  const known = error instanceof ApiError ? error : internalError();
  const status = known.toStatus();
  const token = (known as { continueToken?: string }).continueToken;
  if (token !== undefined) status.metadata.continue = token;
  const retry = known.details?.retryAfterSeconds;
  if (retry !== undefined) response.setHeader('retry-after', String(retry));
  if (known.code === 401) response.setHeader('www-authenticate', 'Bearer');
  sendText(response, known.code, `${JSON.stringify(status)}\n`);
}

function internalError(): ApiError {
  return new ApiError(
    500,
    'InternalError',
    'Internal error occurred: an unexpected error; see the log of the API server',
    {
      causes: [{ message: 'an unexpected error' }],
    },
  );
}

/** All warnings together, in characters: clients refuse answers with larger heads (upstream's limit). */
const MAX_WARNINGS = 4 * 1024;
/** One warning, when all of them are too long. */
const MAX_WARNING = 256;

/** Puts the warnings of a request into its answer's head (RFC 7234, 5.5; KEP-1693). */
export function setWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  const texts = [...new Set(warnings)];
  let left = MAX_WARNINGS;
  const all = texts.reduce((sum, text) => sum + text.length, 0);
  const headers: string[] = [];
  for (const text of texts) {
    const part = all > MAX_WARNINGS ? text.slice(0, MAX_WARNING) : text;
    left -= part.length;
    if (left < 0) break;
    // Header values are Latin-1 without control characters.
    const safe = part.replace(/[^\x20-\x7e]/g, '?').replace(/[\\"]/g, '\\$&');
    headers.push(`299 - "${safe}"`);
  }
  response.setHeader('warning', headers);
}
