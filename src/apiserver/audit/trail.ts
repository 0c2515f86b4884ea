import type { IncomingMessage } from 'node:http';
import { ApiError, cloneJson, isFields, type KubeObject } from '../../machinery/index.ts';
import type { Noted } from '../auth/access.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Level, Stage, Verdict } from './policy.ts';

/** What is known of one request, and becomes an audit.k8s.io/v1 Event at each stage of its life. */
export interface Trail {
  annotate(key: string, value: string): void;
  impersonated(user: UserInfo): void;
  /** What the authorizer decided, and why. */
  readonly decided: Noted;
  /** What the client sent; asked for only if the policy wants to know, or the path does not name the object. */
  requested(body: () => unknown): void;
  /** What is answered, if the policy wants to know: `answer` is called at once, or never. */
  answered(answer: () => unknown): void;
  failed(error: unknown): void;
  stage(stage: Stage, code?: number): void;
}

export interface TrailStart {
  id: string;
  request: IncomingMessage;
  info: RequestInfo;
  user: UserInfo;
  verdict: Verdict;
  /** Milliseconds since the epoch. */
  received: number;
  write(line: string): void;
}

const REQUEST_LEVELS: readonly Level[] = ['Request', 'RequestResponse'];

export function startTrail({ id, request, info, user, verdict, received, write }: TrailStart): Trail {
  const { level, omitStages, omitManagedFields } = verdict;
  const annotations: Record<string, string> = {};
  const said: Record<string, unknown> = {};
  const objectRef = objectRefOf(info);
  let responseStatus: Record<string, unknown> | undefined;
  let impersonatedUser: object | undefined;
  let latency = 0;

  const content = (value: unknown) => (omitManagedFields ? withoutManagedFields(value) : value);
  return {
    annotate(key, value) {
      annotations[key] ??= value;
    },
    impersonated(other) {
      impersonatedUser = userOf(other);
    },
    decided(decision, reason) {
      annotations['authorization.k8s.io/decision'] = decision;
      annotations['authorization.k8s.io/reason'] = reason;
    },
    requested(body) {
      const isWanted = REQUEST_LEVELS.includes(level);
      if (!isWanted && info.verb !== 'create') return;
      const value = body();
      if (objectRef && isFields(value)) nameObject(objectRef, value);
      if (isWanted && value !== undefined) said['requestObject'] = content(value);
    },
    answered(answer) {
      if (level === 'RequestResponse') said['responseObject'] = content(answer());
    },
    failed(error) {
      const status = error instanceof ApiError ? error.toStatus() : undefined;
      const { status: outcome = 'Failure', message, reason, details, code } = status ?? { reason: 'InternalError' };
      responseStatus = { metadata: {}, status: outcome, message, reason, details, code };
      if (level === 'RequestResponse') said['responseObject'] = status;
    },
    stage(stage, code) {
      if (omitStages.has(stage)) return;
      const now = Date.now();
      latency = now - received;
      if (code !== undefined) responseStatus = { metadata: {}, ...responseStatus, code };
      const slow =
        stage === 'ResponseComplete' && latency > 500 ? { 'apiserver.latency.k8s.io/total': `${latency}ms` } : {};
      const all = { ...slow, ...annotations };
      write(
        `${JSON.stringify({
          kind: 'Event',
          apiVersion: 'audit.k8s.io/v1',
          level,
          auditID: id,
          stage,
          requestURI: request.url,
          verb: info.verb,
          user: userOf(user),
          impersonatedUser,
          sourceIPs: sourceIPsOf(request),
          userAgent: request.headers['user-agent']?.slice(0, 1024),
          objectRef,
          responseStatus,
          ...(stage === 'RequestReceived' ? {} : said),
          requestReceivedTimestamp: microTime(received),
          stageTimestamp: microTime(now),
          annotations: Object.keys(all).length > 0 ? all : undefined,
        })}\n`,
      );
    },
  };
}

function objectRefOf(info: RequestInfo): Record<string, unknown> | undefined {
  if (!info.isResource) return undefined;
  const { resource, namespace, name, group, version, subresource } = info;
  return {
    resource,
    namespace: namespace || undefined,
    name: name || undefined,
    apiGroup: group || undefined,
    apiVersion: version,
    subresource: subresource || undefined,
  };
}

/** What the path does not say of an object, its body does. */
function nameObject(reference: Record<string, unknown>, { metadata }: Partial<KubeObject>): void {
  if (!isFields(metadata)) return;
  for (const field of ['namespace', 'name', 'uid', 'resourceVersion']) reference[field] ??= metadata[field];
}

function userOf({ username, uid, groups, extra }: UserInfo): object {
  return { username, uid: uid || undefined, groups, extra: extra && Object.keys(extra).length > 0 ? extra : undefined };
}

/** The client's address, after those that proxies before it have reported. */
function sourceIPsOf(request: IncomingMessage): string[] {
  const forwarded = String(request.headers['x-forwarded-for'] ?? request.headers['x-real-ip'] ?? '');
  const reported = forwarded
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean);
  const own = request.socket.remoteAddress?.replace(/^::ffff:/, '');
  return [...new Set([...reported, ...(own ? [own] : [])])];
}

function withoutManagedFields(value: unknown): unknown {
  if (!isFields(value)) return value;
  const strip = (object: unknown): unknown => {
    if (!isFields(object) || !isFields(object['metadata']) || !('managedFields' in object['metadata'])) return object;
    const { managedFields: _, ...metadata } = object['metadata'];
    return { ...object, metadata };
  };
  const { items } = value;
  return Array.isArray(items) ? { ...value, items: items.map(strip) } : strip(cloneJson(value));
}

function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
