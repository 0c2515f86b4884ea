import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, gzipSync } from 'node:zlib';
import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import type { RequestInfo } from '../contracts.ts';
import type { ServedDocument } from '../documents.ts';
import type { SecretKeeping } from '../store/backend.ts';
import type { Documents } from './documents.ts';
import { type HealthCheck, serveHealth } from './health.ts';
import type { Metrics } from './metrics.ts';
import { sendBytes } from './respond.ts';
import { serveSecrets } from './secrets.ts';

/** What is served beside resources: health, metrics, discovery, OpenAPI, and the keys of service account tokens. */
export interface OtherPaths {
  checks: readonly HealthCheck[];
  documents: Documents;
  metrics: Metrics;
  tokens: ServiceAccountTokens;
  secrets: SecretKeeping | undefined;
}

/** Answers a path that is no resource; false when there is nothing at it. */
export function serveOtherPath(
  { checks, documents, metrics, tokens, secrets }: OtherPaths,
  info: RequestInfo,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { path, verb } = info;
  if (serveSecrets(secrets, path, verb, response)) return true;
  if (verb !== 'get' && verb !== 'head') return false;
  if (serveHealth(path, query, response, checks)) return true;
  if (path === '/metrics') {
    sendBytes(response, 200, 'text/plain; version=0.0.4; charset=utf-8', Buffer.from(metrics.render()));
    return true;
  }
  if (path === '/openid/v1/jwks') return sendKeys(response, 'application/jwk-set+json', tokens.jwks);
  if (path === '/.well-known/openid-configuration') return sendKeys(response, 'application/json', tokens.configuration);
  if (path === '/') return sendJson(response, 'application/json', { paths: ROOT_PATHS });
  const document = documents.reply(path, request.headers.accept);
  if (!document) return false;
  response.setHeader('etag', document.etag);
  response.setHeader('vary', 'Accept, Accept-Encoding');
  if (query.has('hash')) response.setHeader('cache-control', 'public, max-age=31536000, immutable');
  if (request.headers['if-none-match']?.split(/,\s*/).includes(document.etag)) {
    response.writeHead(304);
    response.end();
  } else sendDocument(request, response, document);
  return true;
}

/** Smaller documents are not worth compressing (upstream's limit), in bytes. */
const WORTH_COMPRESSING = 128 * 1024;
const compressed = new WeakMap<ServedDocument, Buffer>();

/** A large document is compressed once, for clients that ask for it. */
function sendDocument(request: IncomingMessage, response: ServerResponse, document: ServedDocument): void {
  const { body, contentType } = document;
  const accepted = String(request.headers['accept-encoding'] ?? '');
  if (body.length < WORTH_COMPRESSING || !/(^|,)\s*gzip\s*(,|;(?!\s*q=0(\.0*)?\s*(,|$))|$)/i.test(accepted)) {
    sendBytes(response, 200, contentType, body);
    return;
  }
  let bytes = compressed.get(document);
  if (!bytes) {
    bytes = gzipSync(body, { level: constants.Z_BEST_SPEED });
    compressed.set(document, bytes);
  }
  response.setHeader('content-encoding', 'gzip');
  sendBytes(response, 200, contentType, bytes);
}

const ROOT_PATHS = [
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/readyz',
  '/version',
];

/** What those who verify tokens elsewhere ask for, and may keep for an hour. */
function sendKeys(response: ServerResponse, contentType: string, value: object): true {
  response.setHeader('cache-control', 'public, max-age=3600');
  return sendJson(response, contentType, value);
}

function sendJson(response: ServerResponse, contentType: string, value: object): true {
  sendBytes(response, 200, contentType, Buffer.from(JSON.stringify(value)));
  return true;
}
