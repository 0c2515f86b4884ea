import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ApiError } from '../../machinery/index.ts';
import type { Audit } from '../audit/audit.ts';
import type { Trail } from '../audit/trail.ts';
import type { Access } from '../auth/access.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Core } from '../core.ts';
import { type FlowControl, type Seat, TooManyRequests } from '../flow/flow-control.ts';
import type { ServerLog } from '../options.ts';
import { admitConnection } from '../rest/connect.ts';
import { decodeAny } from '../rest/decode.ts';
import { dispatch, methodNotAllowed, noSuchResource } from '../rest/dispatch.ts';
import type { ApiRequest } from '../rest/request.ts';
import { requestInfo } from '../rest/request-info.ts';
import { toValue } from '../rest/value.ts';
import { serveLog } from '../streaming/log.ts';
import { handleUpgrade, refuse } from '../streaming/upgrade.ts';
import { mediaType, readBody } from './body.ts';
import { allottedTime, isLongRunning, timedOut } from './deadline.ts';
import { sendPlain } from './health.ts';
import type { Metrics, RequestLabels } from './metrics.ts';
import { negotiate, wantsIndent } from './negotiate.ts';
import { containerOf, type Nodes } from './pod-streams.ts';
import { respond, sendError, setWarnings } from './respond.ts';
import { takeSeat } from './seats.ts';
import { includeObject } from './shapes.ts';
import { streamWatch } from './watch-stream.ts';

/** Everything the HTTP side needs of the rest of the server. */
export interface Edge {
  core: Core;
  access: Access;
  /** undefined: nothing is logged. */
  audit: Audit | undefined;
  flow: FlowControl;
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

/** One request on its way through the server. */
interface Visit {
  readonly request: IncomingMessage;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  /** Names the request in the audit log and in the answer's head. */
  readonly id: string;
  /** Set once it is known who asks, if the audit policy wants to know. */
  trail: Trail | undefined;
  /** Set while it has its part of the server. */
  seat: Seat | undefined;
}

/** An id that another server has given the request is kept; a longer one than upstream keeps is cut. */
const MAX_AUDIT_ID = 64;

function visitOf(request: IncomingMessage): Visit {
  const { path, query } = targetOf(request);
  const given = request.headers['audit-id'];
  const id = typeof given === 'string' && given !== '' ? given.slice(0, MAX_AUDIT_ID) : randomUUID();
  return {
    request,
    query,
    info: requestInfo(request.method ?? 'GET', path, query),
    id,
    trail: undefined,
    seat: undefined,
  };
}

/** authenticate → impersonate, each noted in the audit trail. Throws ApiError 401 or 403. */
async function identify({ access, audit }: Edge, visit: Visit): Promise<UserInfo> {
  const { request, info, id } = visit;
  let own: UserInfo;
  try {
    own = await access.authenticate(request);
  } catch (error) {
    audit?.strange(id, request, info);
    throw error;
  }
  visit.trail = audit?.begin(id, request, info, own);
  const user = access.impersonate(request, own);
  if (user !== own) visit.trail?.impersonated(user);
  return user;
}

/** Answers one HTTP request: authenticate → find a seat → authorize → decode → dispatch → respond. Never throws. */
export async function handleRequest(edge: Edge, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const visit = visitOf(request);
  const { info, query } = visit;
  const counted = edge.metrics.begin(labelsOf(edge, visit));
  response.setHeader('audit-id', visit.id);
  let deadline: NodeJS.Timeout | undefined;
  response.on('close', () => {
    clearTimeout(deadline);
    counted(response.statusCode);
    visit.trail?.stage('ResponseComplete', response.statusCode);
  });
  try {
    if (!isLongRunning(info)) deadline = setTimeout(() => fail(edge, visit, response, timedOut()), allottedTime(query));
    const user = await identify(edge, visit);
    const seat = takeSeat(edge, visit, user, response);
    visit.seat = seat instanceof Promise ? await seat : seat;
    edge.access.permit(user, info, visit.trail?.decided);
    if (info.isResource) await serveResource(edge, visit, response, user);
    else if (!edge.serveOther(info, query, request, response)) throw noSuchResource();
  } catch (error) {
    fail(edge, visit, response, error);
  } finally {
    visit.seat?.release();
  }
}

/** What a request is counted under; paths that nothing serves are not told apart, or a stranger could fill the memory with their names. */
function labelsOf({ core }: Edge, { request, info, query }: Visit): RequestLabels {
  const registration = core.registry.find(info.group, info.version, info.resource);
  const known = registration?.served.subresources.some(({ name }) => name === info.subresource);
  const subresource = known ? info.subresource : '';
  const apply = info.verb === 'patch' && mediaType(request.headers['content-type']).startsWith(APPLY);
  const labels = registration
    ? { ...info, subresource }
    : { ...info, group: '', version: '', resource: '', subresource };
  return { info: labels, dryRun: query.get('dryRun') === 'All', apply };
}

const APPLY = 'application/apply-patch+';

async function serveResource(edge: Edge, visit: Visit, response: ServerResponse, user: UserInfo): Promise<void> {
  const { request, info, query, trail } = visit;
  if (info.resource === 'pods' && info.subresource === 'log' && info.group === '') {
    if (info.verb !== 'get') throw methodNotAllowed();
    const { pod, streams } = edge.nodes.streamsFor(edge.core.store, info);
    trail?.stage('ResponseStarted', 200);
    return serveLog(query, response, containerOf(pod, query), streams);
  }
  const registration = edge.core.registry.find(info.group, info.version, info.resource);
  const negotiated = negotiate(request.headers.accept, registration?.served.custom !== true);
  const include = includeObject(query);
  const warnings = new Set<string>();
  const bytes = await readBody(request);
  const prepared: ApiRequest = {
    info,
    query,
    user,
    userAgent: request.headers['user-agent'] ?? '',
    contentType: mediaType(request.headers['content-type']),
    body: { bytes },
    warn: (text) => void warnings.add(text),
    annotate: (key, value) => trail?.annotate(key, value),
  };
  trail?.requested(() => decodeAny(prepared));
  // A refusal has its warnings too.
  const outcome = await dispatch(edge.core, prepared).finally(() => {
    if (!response.headersSent) setWarnings(response, [...warnings]);
  });
  if (isOver(response)) {
    if (outcome.kind === 'watch') outcome.watch.close();
    return;
  }
  if (outcome.kind === 'watch') {
    trail?.stage('ResponseStarted', 200);
    // A watch that has begun costs only what happens.
    visit.seat?.release();
    return streamWatch(response, outcome, negotiated, include, edge.stopped);
  }
  trail?.answered(() => toValue(outcome));
  const indent = wantsIndent(query, request.headers['user-agent']);
  await respond(response, outcome, { ...negotiated, include, indent });
}

/** True when there is nobody to answer any more, or the deadline has answered. */
const isOver = (response: ServerResponse): boolean => response.destroyed || response.writableEnded;

/** Answers with an error, or, when half an answer is out already, ends the connection so that nobody takes it for whole. */
function fail(edge: Edge, { request, trail }: Visit, response: ServerResponse, error: unknown): void {
  trail?.failed(error);
  // A client that hangs up in the middle of its request is no fault of ours, and there is nobody to answer.
  if (isOver(response)) return;
  if (!(error instanceof ApiError)) {
    edge.log.error({ err: error, method: request.method, url: request.url }, 'answering a request failed');
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // What is left of a refused body is not read: the connection cannot be used again.
  if (!request.complete) response.setHeader('connection', 'close');
  if (error instanceof TooManyRequests) {
    // As upstream: no Status, since there may be no time to make one.
    response.setHeader('retry-after', '1');
    sendPlain(response, 429, `${error.message}\n`);
    return;
  }
  const { accept, 'user-agent': userAgent } = request.headers;
  sendError(response, error, accept, wantsIndent(targetOf(request).query, userAgent));
}

/** Takes over a connection for exec, attach or port-forward: authenticate → authorize → find the node → stream. */
export async function handleStream(edge: Edge, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  // Node stops listening for a connection's errors at the upgrade; unheard, one would end the process.
  socket.on('error', () => socket.destroy());
  const visit = visitOf(request);
  const { info, query } = visit;
  try {
    const user = await identify(edge, visit);
    edge.access.permit(user, info, visit.trail?.decided);
    if (info.group !== '' || info.resource !== 'pods' || !STREAMS.has(info.subresource)) throw noSuchResource();
    if (info.verb !== 'get' && info.verb !== 'create') throw methodNotAllowed();
    const annotate = (key: string, value: string): void => visit.trail?.annotate(key, value);
    await admitConnection(edge.core, { info, query, user, annotate });
    const { pod, streams } = edge.nodes.streamsFor(edge.core.store, info);
    const kind = info.subresource as 'attach' | 'exec' | 'portforward';
    if (kind !== 'portforward') query.set('container', containerOf(pod, query).container);
    visit.trail?.stage('ResponseStarted', 101);
    await handleUpgrade(request, socket, head, { kind, namespace: info.namespace, pod: info.name, query, streams });
    visit.trail?.stage('ResponseComplete', 101);
  } catch (error) {
    visit.trail?.failed(error);
    visit.trail?.stage('ResponseComplete', error instanceof ApiError ? error.code : 500);
    if (!(error instanceof ApiError)) edge.log.error({ err: error, url: request.url }, 'opening a stream failed');
    refuse(socket, error);
  }
}
