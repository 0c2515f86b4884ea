import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError } from '../../machinery/index.ts';
import type { Access } from '../auth/access.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Core } from '../core.ts';
import type { ServerLog } from '../options.ts';
import { admitConnection } from '../rest/connect.ts';
import { dispatch, methodNotAllowed, noSuchResource } from '../rest/dispatch.ts';
import type { ApiRequest } from '../rest/request.ts';
import { requestInfo } from '../rest/request-info.ts';
import { serveLog } from '../streaming/log.ts';
import { handleUpgrade, refuse } from '../streaming/upgrade.ts';
import { mediaType, readBody } from './body.ts';
import type { Metrics } from './metrics.ts';
import { negotiate, wantsIndent } from './negotiate.ts';
import { containerOf, type Nodes } from './pod-streams.ts';
import { respond, sendError, setWarnings } from './respond.ts';
import { includeObject } from './shapes.ts';
import { streamWatch } from './watch-stream.ts';

/** Everything the HTTP side needs of the rest of the server. */
export interface Edge {
  core: Core;
  access: Access;
  nodes: Nodes;
  metrics: Metrics;
  log: ServerLog;
  stopped: AbortSignal;
  /** Answers paths that are no resources; false when there is nothing at the path. */
  serveOther(info: RequestInfo, query: URLSearchParams, request: IncomingMessage, response: ServerResponse): boolean;
}

const STREAMS = new Set(['attach', 'exec', 'portforward']);

interface Target {
  path: string;
  query: URLSearchParams;
}

function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  if (mark < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) };
}

/** Answers one HTTP request: authenticate → authorize → decode → dispatch → respond. Never throws. */
export async function handleRequest(edge: Edge, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const began = performance.now();
  const { path, query } = targetOf(request);
  const info = requestInfo(request.method ?? 'GET', path, query);
  response.on('close', () => observe(edge, info, response.statusCode, (performance.now() - began) / 1000));
  try {
    const user = await edge.access.identify(request);
    edge.access.permit(user, info);
    if (info.isResource) await serveResource(edge, request, response, { info, query, user });
    else if (!edge.serveOther(info, query, request, response)) throw noSuchResource();
  } catch (error) {
    fail(edge, request, response, error);
  }
}

/** Counts a request; paths that nothing serves are not told apart, or a stranger could fill the memory with their names. */
function observe({ core, metrics }: Edge, info: RequestInfo, code: number, seconds: number): void {
  const registration = core.registry.find(info.group, info.version, info.resource);
  const known = registration?.served.subresources.some(({ name }) => name === info.subresource);
  const subresource = known ? info.subresource : '';
  const labels = registration
    ? { ...info, subresource }
    : { ...info, group: '', version: '', resource: '', subresource };
  metrics.observe(labels, code, seconds);
}

async function serveResource(
  edge: Edge,
  request: IncomingMessage,
  response: ServerResponse,
  { info, query, user }: { info: RequestInfo; query: URLSearchParams; user: UserInfo },
): Promise<void> {
  if (info.resource === 'pods' && info.subresource === 'log' && info.group === '') {
    if (info.verb !== 'get') throw methodNotAllowed();
    const { pod, streams } = edge.nodes.streamsFor(edge.core.store, info);
    return serveLog(query, response, containerOf(pod, query), streams);
  }
  const custom = edge.core.registry.find(info.group, info.version, info.resource)?.custom;
  const negotiated = negotiate(request.headers.accept, custom === undefined);
  const include = includeObject(query);
  const warnings: string[] = [];
  const bytes = await readBody(request);
  const prepared: ApiRequest = {
    info,
    query,
    user,
    userAgent: request.headers['user-agent'] ?? '',
    contentType: mediaType(request.headers['content-type']),
    body: { bytes },
    warn: (text) => warnings.push(text),
    annotate: () => {},
  };
  const outcome = await dispatch(edge.core, prepared);
  if (response.destroyed) {
    if (outcome.kind === 'watch') outcome.watch.close();
    return;
  }
  setWarnings(response, warnings);
  if (outcome.kind === 'watch') return streamWatch(response, outcome, negotiated, include, edge.stopped);
  const indent = wantsIndent(query, request.headers['user-agent']);
  await respond(response, outcome, { ...negotiated, include, indent });
}

/** Answers with an error, or, when half an answer is out already, ends the connection so that nobody takes it for whole. */
function fail(edge: Edge, request: IncomingMessage, response: ServerResponse, error: unknown): void {
  // A client that hangs up in the middle of its request is no fault of ours, and there is nobody to answer.
  if (response.destroyed) return;
  if (!(error instanceof ApiError)) {
    edge.log.error({ err: error, method: request.method, url: request.url }, 'answering a request failed');
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a refused body is not read: the connection cannot be used again.
  if (!request.complete) response.setHeader('connection', 'close');
  const { accept, 'user-agent': userAgent } = request.headers;
  sendError(response, error, accept, wantsIndent(targetOf(request).query, userAgent));
}

/** Takes over a connection for exec, attach or port-forward: authenticate → authorize → find the node → stream. */
export async function handleStream(edge: Edge, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  // Node stops listening for a connection's errors at the upgrade; unheard, one would end the process.
  socket.on('error', () => socket.destroy());
  const { path, query } = targetOf(request);
  const info = requestInfo(request.method ?? 'GET', path, query);
  try {
    const user = await edge.access.identify(request);
    edge.access.permit(user, info);
    if (info.group !== '' || info.resource !== 'pods' || !STREAMS.has(info.subresource)) throw noSuchResource();
    if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed();
    await admitConnection(edge.core, { info, query, user });
    const { pod, streams } = edge.nodes.streamsFor(edge.core.store, info);
    const kind = info.subresource as 'attach' | 'exec' | 'portforward';
    if (kind !== 'portforward') query.set('container', containerOf(pod, query).container);
    await handleUpgrade(request, socket, head, { kind, namespace: info.namespace, pod: info.name, query, streams });
  } catch (error) {
    if (!(error instanceof ApiError)) edge.log.error({ err: error, url: request.url }, 'opening a stream failed');
    refuse(socket, error);
  }
}
