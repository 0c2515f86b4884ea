import type { ServerResponse } from 'node:http';
import { ApiError, yaml } from '../../machinery/index.ts';
import { listHead } from '../rest/envelope.ts';
import type { Outcome } from '../rest/request.ts';
import { joined, stream } from './blocks.ts';
import { indented } from './indented.ts';
import { type Negotiated, negotiate, type Shape } from './negotiate.ts';
import { PROTOBUF, protobufEntry, protobufList, protobufOf } from './protobuf.ts';
import {
  type IncludeObject,
  metadataList,
  objectList,
  type Piece,
  partialMetadata,
  tableList,
  tableOf,
} from './shapes.ts';

const JSON_TYPE = 'application/json';
const YAML = 'application/yaml';

/** How an answer is written. */
export interface Rendering extends Negotiated {
  include: IncludeObject;
  /** JSON is indented. */
  indent: boolean;
}

/** Sends what a handler answered, but for watches, in the shape that the client asked for. */
export async function respond(
  response: ServerResponse,
  outcome: Exclude<Outcome, { kind: 'watch' }>,
  rendering: Rendering,
): Promise<void> {
  const { format, shape, version, indent } = rendering;
  if (outcome.kind === 'value') return sendValue(response, outcome.code, outcome.value, format, indent);
  if (format === 'protobuf') return sendProtobuf(response, outcome, shape, version);
  if (format === 'yaml' && shape === 'object') return sendYaml(response, outcome);
  if (format === 'yaml') {
    const text = joined([...piecesOf(outcome, rendering)]).toString('utf8');
    return sendValue(response, outcome.kind === 'entry' ? outcome.code : 200, JSON.parse(text), format, indent);
  }
  const pieces = indent ? indented(piecesOf(outcome, rendering)) : piecesOf(outcome, rendering);
  if (outcome.kind === 'entry') {
    const { entry, code } = outcome;
    return sendBytes(response, code, JSON_TYPE, shape === 'object' && !indent ? entry.bytes : joined([...pieces]));
  }
  response.writeHead(200, { 'content-type': JSON_TYPE });
  return stream(response, pieces);
}

/** The JSON of an answer, in pieces. */
function piecesOf(
  outcome: Outcome & { kind: 'entry' | 'list' },
  { shape, version, include }: Rendering,
): Iterable<Piece> {
  const { registration } = outcome;
  if (outcome.kind === 'entry') {
    const { entry } = outcome;
    if (shape === 'object') return [entry.bytes];
    if (shape === 'metadata') return partialMetadata(entry, version);
    return tableOf(registration, entry, include, version, true);
  }
  const { page } = outcome;
  if (shape === 'table') return tableList(registration, page, include, version);
  if (shape === 'metadata') return metadataList(registration, page, version);
  return objectList(listHead(registration, page), registration, page);
}

async function sendProtobuf(
  response: ServerResponse,
  outcome: Outcome & { kind: 'entry' | 'list' },
  shape: Shape,
  version: string,
): Promise<void> {
  if (outcome.kind === 'list') {
    const pieces = await protobufList(outcome, shape, version);
    response.writeHead(200, { 'content-type': PROTOBUF });
    return stream(response, pieces);
  }
  sendBytes(response, outcome.code, PROTOBUF, protobufEntry(outcome.entry, shape, version));
}

const toYaml = (value: unknown): string => yaml().stringify(value, { aliasDuplicateObjects: false });

function sendYaml(response: ServerResponse, outcome: Outcome & { kind: 'entry' | 'list' }): void | Promise<void> {
  if (outcome.kind === 'list') {
    response.writeHead(200, { 'content-type': YAML });
    return stream(response, yamlList(outcome));
  }
  sendBytes(response, outcome.code, YAML, Buffer.from(toYaml(outcome.entry.object)));
}

/** A list as YAML, in pieces: writing YAML is slow, and other requests must have their turn. */
function* yamlList({ registration, page }: Outcome & { kind: 'list' }): Iterable<string> {
  yield toYaml(listHead(registration, page));
  yield page.entries.length === 0 ? 'items: []\n' : 'items:\n';
  for (const entry of page.entries) yield toYaml([registration.view(entry).object]);
}

function sendValue(
  response: ServerResponse,
  code: number,
  value: object,
  format: Negotiated['format'],
  indent: boolean,
): void {
  if (format === 'protobuf') sendBytes(response, code, PROTOBUF, protobufOf(value));
  else if (format === 'yaml') sendBytes(response, code, YAML, Buffer.from(toYaml(value)));
  else sendBytes(response, code, JSON_TYPE, Buffer.from(`${JSON.stringify(value, null, indent ? 2 : 0)}\n`));
}

export function sendBytes(response: ServerResponse, code: number, contentType: string, body: Uint8Array): void {
  response.writeHead(code, { 'content-type': contentType, 'content-length': body.length });
  response.end(body);
}

/** Sends an error as a Status; what is no ApiError is a 500 that tells the client nothing about our insides. */
export function sendError(response: ServerResponse, error: unknown, accept?: string, indent = false): void {
  const known = error instanceof ApiError ? error : internalError();
  const status = known.toStatus();
  const token = (known as { continueToken?: string }).continueToken;
  if (token !== undefined) status.metadata.continue = token;
  const retry = known.details?.retryAfterSeconds;
  if (retry !== undefined) response.setHeader('retry-after', String(retry));
  if (known.code === 401) response.setHeader('www-authenticate', 'Bearer');
  sendValue(response, known.code, status, formatOfErrors(accept), indent);
}

/** An error is told in JSON to a client that takes nothing that is known here. */
function formatOfErrors(accept: string | undefined): Negotiated['format'] {
  try {
    return negotiate(accept, true).format;
  } catch {
    return 'json';
  }
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
