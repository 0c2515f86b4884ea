import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { ApiError } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { AuditOptions, ServerLog } from '../options.ts';
import type { Trail } from './trail.ts';

/** The audit log: who asked for what, and what came of it. */
export interface Audit {
  /** Begins the trail of an authenticated request; undefined if the policy does not want to know of it. */
  begin(id: string, request: IncomingMessage, info: RequestInfo, user: UserInfo): Trail | undefined;
  /** Notes a request whose sender did not prove who they are. */
  strange(id: string, request: IncomingMessage, info: RequestInfo): void;
  /** Writes what is waiting. */
  close(): Promise<void>;
}

const DEFAULT_SIZE = 100;

/**
 * Opens the audit log, if one is asked for.
 * @throws Error for a policy that cannot be used, and the file system's errors for the log.
 */
export async function openAudit(options: AuditOptions, log: ServerLog): Promise<Audit | undefined> {
  const { auditPolicyFile, auditLogPath } = options;
  if (auditLogPath === undefined) {
    if (auditPolicyFile === undefined) return undefined;
    throw new Error(`--audit-policy-file ${auditPolicyFile}: say where the log goes with --audit-log-path`);
  }
  // Loaded where an audit log is wanted.
  const { openLogFile } = await import('./log-file.ts');
  const { DEFAULT_POLICY, readAuditPolicy } = await import('./policy.ts');
  const { startTrail } = await import('./trail.ts');
  const policy = auditPolicyFile === undefined ? DEFAULT_POLICY : readAuditPolicy(auditPolicyFile);
  const file = await openLogFile({
    path: auditLogPath,
    maxSize: options.auditLogMaxsize || DEFAULT_SIZE,
    maxAge: options.auditLogMaxage ?? 0,
    maxBackup: options.auditLogMaxbackup ?? 0,
    log,
  });
  return {
    close: file.close,
    begin(id, request, info, user) {
      const verdict = policy(user, info);
      if (verdict.level === 'None') return undefined;
      const trail = startTrail({ id, request, info, user, verdict, received: Date.now(), write: file.write });
      trail.stage('RequestReceived');
      return trail;
    },
    strange(id, request, info) {
      const user = { username: '', groups: [] };
      const verdict = policy(user, info);
      if (verdict.level === 'None') return;
      const trail = startTrail({ id, request, info, user, verdict, received: Date.now(), write: file.write });
      trail.failed(new ApiError(401, 'Unauthorized', attemptOf(request)));
      trail.stage('ResponseStarted', 401);
    },
  };
}

/** What a stranger tried, without what they tried it with. */
function attemptOf({ headers, socket }: IncomingMessage): string {
  const scheme = headers.authorization?.trim().split(' ')[0]?.toLowerCase();
  const tried = [
    ...(scheme === 'bearer' || scheme === 'basic' ? [scheme] : []),
    ...(socket instanceof TLSSocket && socket.getPeerX509Certificate() ? ['x509'] : []),
  ];
  return tried.length > 0
    ? `Authentication failed, attempted: ${tried.join(', ')}`
    : 'Authentication failed, no credentials provided';
}
