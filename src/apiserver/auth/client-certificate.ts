import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { UserInfo } from '../contracts.ts';
import { unauthorized } from './unauthorized.ts';

interface Verified {
  user: UserInfo;
  /** Milliseconds since the epoch. */
  expires: number;
}

/** Tells which credential a user came with (KEP-4193). */
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** Who a connection belongs to: a certificate is read once a connection, not once a request. */
const verified = new WeakMap<Socket, Verified | 'none'>();

/**
 * The user of the connection's client certificate: the common name, with the organizations as groups. undefined without a
 * certificate; throws ApiError 401 for one that TLS did not find to be signed by an accepted authority for this use.
 */
export function userOfClientCertificate(request: IncomingMessage, now: number): UserInfo | undefined {
  const socket = request.socket;
  if (!(socket instanceof TLSSocket)) return undefined;
  let known = verified.get(socket);
  if (known === undefined) {
    known = verify(socket);
    verified.set(socket, known);
  }
  if (known === 'none') return undefined;
  if (now >= known.expires) throw unauthorized();
  return known.user;
}

function verify(socket: TLSSocket): Verified | 'none' {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return 'none';
  if (!socket.authorized) throw unauthorized();
  const user = userOf(certificate);
  if (user === undefined) throw unauthorized();
  return { user, expires: certificate.validToDate.getTime() };
}

function userOf(certificate: X509Certificate): UserInfo | undefined {
  const subject: Partial<Record<string, string | string[]>> = { ...certificate.toLegacyObject().subject };
  const names = list(subject['CN']);
  const username = names.at(-1);
  if (!username) return undefined;
  const hash = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return { username, groups: list(subject['O']), extra: { [CREDENTIAL_ID]: [`X509SHA256=${hash}`] } };
}

function list(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
