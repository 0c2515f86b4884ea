/** What Go's network and client libraries say of a failure: what operators know and search for. */

/** Why no answer came. @param late the call was given up. */
export function networkError(error: unknown, url: URL, late: boolean): string {
  if (late) return 'context deadline exceeded';
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const text = NETWORK_ERRORS[code ?? ''] ?? CERTIFICATE_ERRORS[code ?? ''];
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: ${altNames(error, url)}`;
  if (text === undefined) return error.message;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${url.hostname}: ${text}`;
  return text.startsWith('connect: ')
    ? `dial tcp ${address ?? url.hostname}:${port ?? (url.port || 443)}: ${text}`
    : text;
}

const NETWORK_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ENOTFOUND: 'no such host',
  ECONNRESET: 'EOF',
  EPROTO: 'http: server gave HTTP response to HTTPS client',
  ERR_SSL_WRONG_VERSION_NUMBER: 'http: server gave HTTP response to HTTPS client',
};

const UNKNOWN_AUTHORITY = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
const EXPIRED = 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';

const CERTIFICATE_ERRORS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: EXPIRED,
  CERT_NOT_YET_VALID: EXPIRED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
};

function altNames(error: Error, { hostname }: URL): string {
  const names = String((error as { cert?: { subjectaltname?: string } }).cert?.subjectaltname ?? '');
  const valid = names.split(', ').map((name) => name.replace(/^[^:]*:/, ''));
  return names === ''
    ? `certificate is not valid for any names, but wanted to match ${hostname}`
    : `certificate is valid for ${valid.join(', ')}, not ${hostname}`;
}

/** What client-go makes of an answer that is an error and no Status. */
export function answerError(code: number, contentType: string, body: string): string {
  const said = contentType.startsWith('text/') ? body.trim().slice(0, 2048) : 'unknown';
  const known = ANSWERS[code];
  if (known !== undefined) return known;
  if (code === 403 && said !== 'unknown' && said !== '') return said;
  if (code >= 500) return `an error on the server (${JSON.stringify(said)}) has prevented the request from succeeding`;
  return `the server responded with the status code ${code} but did not return more information`;
}

const ANSWERS: Readonly<Record<number, string>> = {
  400: 'the server rejected our request for an unknown reason',
  401: 'the server has asked for the client to provide credentials',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  409: 'the server reported a conflict',
  410: 'the server reported that the resource is no longer available',
  422: 'the server rejected our request due to an error in our request',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};
