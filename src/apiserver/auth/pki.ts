import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { CertificateRequest } from './certificate.ts';
import { readIfPresent, writePrivateFile } from './private-file.ts';

export interface PkiOptions {
  /** The data folder; certificates and keys are kept in its `pki/`. */
  dataDir: string;
  /** The first address of the service range, under which pods reach the API server. */
  serviceIP: string;
  /** More DNS names or IP addresses under which clients reach the server. */
  extraNames?: readonly string[];
  /** Milliseconds since the epoch; the time now unless told otherwise. */
  now?: number;
}

export interface Credentials {
  certPem: string;
  keyPem: string;
}

/** All that the server needs to prove who it is and to know its own clients. All PEM. */
export interface Pki {
  caPem: string;
  /** The authority's private key (P-256). */
  caKey: KeyObject;
  serving: Credentials;
  /** The administrator's client certificate: kubernetes-admin in system:masters. */
  admin: Credentials;
  /** The private key (PKCS #8, P-256) that signs service account tokens. */
  serviceAccountKeyPem: string;
}

const DAY = 24 * 60 * 60 * 1000;
const CA_LIFETIME = 3650 * DAY;
const LEAF_LIFETIME = 365 * DAY;
/** A certificate with less time than this left is replaced at start. */
const RENEW_BEFORE = 30 * DAY;
/** Clocks of clients may be behind ours. */
const CLOCK_SKEW = 5 * 60 * 1000;

/**
 * The local certificate authority and what it signed, read from `pki/` (0700) in the data folder. What is missing, expires
 * soon, or no longer fits (another CA, other names) is made anew. Throws the file system's errors, and an Error for a file
 * there that cannot be read as what it should be.
 */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const folder = join(options.dataDir, 'pki');
  const now = options.now ?? Date.now();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);

  const ca = await openAuthority(folder, now);
  const names = [
    ...new Set([
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      '127.0.0.1',
      '::1',
      options.serviceIP,
      // The zone of an IPv6 address (RFC 4007) means something on this machine only.
      ...(options.extraNames ?? []).map((name) => name.replace(/%.*$/, '')),
    ]),
  ];
  return {
    caPem: ca.certPem,
    caKey: ca.key,
    serving: await openLeaf(folder, 'apiserver', ca, now, {
      subject: { commonName: 'kube-apiserver' },
      usage: 'server',
      names,
    }),
    admin: await openLeaf(folder, 'admin', ca, now, {
      subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
      usage: 'client',
    }),
    serviceAccountKeyPem: openKey(join(folder, 'sa.key')).pem,
  };
}

/** A new client certificate of the authority for a user and their groups, valid for a year, with its key. */
export async function issueClientCredentials(
  pki: Pki,
  commonName: string,
  organizations: readonly string[],
): Promise<Credentials> {
  const { signCertificate } = await import('./certificate.ts');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const certPem = await signCertificate({
    subject: { commonName, organizations },
    usage: 'client',
    key: privateKey,
    issuer: { certPem: pki.caPem, key: pki.caKey },
    notBefore: now - CLOCK_SKEW,
    notAfter: now + LEAF_LIFETIME,
  });
  return { certPem, keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

interface Authority {
  certPem: string;
  key: KeyObject;
}

async function openAuthority(folder: string, now: number): Promise<Authority> {
  const { key } = openKey(join(folder, 'ca.key'));
  const path = join(folder, 'ca.crt');
  const stored = readIfPresent(path);
  if (stored !== undefined) {
    const certificate = parseCertificate(path, stored);
    if (certificate.checkPrivateKey(key) && isFresh(certificate, now)) return { certPem: stored, key };
  }
  const certPem = await writeCertificate(path, {
    subject: { commonName: 'homeport-ca' },
    key,
    usage: 'ca',
    notBefore: now - CLOCK_SKEW,
    notAfter: now + CA_LIFETIME,
  });
  return { certPem, key };
}

type LeafRequest = Pick<CertificateRequest, 'subject' | 'usage' | 'names'>;

async function openLeaf(
  folder: string,
  file: string,
  ca: Authority,
  now: number,
  request: LeafRequest,
): Promise<Credentials> {
  const { key, pem: keyPem } = openKey(join(folder, `${file}.key`));
  const path = join(folder, `${file}.crt`);
  const stored = readIfPresent(path);
  if (stored !== undefined && stillFits(parseCertificate(path, stored), key, ca, now, request.names ?? [])) {
    return { certPem: stored, keyPem };
  }
  const certPem = await writeCertificate(path, {
    ...request,
    issuer: ca,
    key,
    notBefore: now - CLOCK_SKEW,
    notAfter: now + LEAF_LIFETIME,
  });
  return { certPem, keyPem };
}

async function writeCertificate(path: string, request: CertificateRequest): Promise<string> {
  // Imported here because a start with all its certificates does without the time that loading takes.
  const { signCertificate } = await import('./certificate.ts');
  const certPem = await signCertificate(request);
  writePrivateFile(path, certPem);
  return certPem;
}

function stillFits(
  certificate: X509Certificate,
  key: KeyObject,
  ca: Authority,
  now: number,
  names: readonly string[],
): boolean {
  return (
    isFresh(certificate, now) &&
    certificate.checkPrivateKey(key) &&
    certificate.verify(createPublicKey(ca.key)) &&
    certificate.checkIssued(new X509Certificate(ca.certPem)) &&
    names.every((name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined)
  );
}

function isFresh(certificate: X509Certificate, now: number): boolean {
  return certificate.validToDate.getTime() - now > RENEW_BEFORE;
}

function parseCertificate(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error(`reading the certificate ${path}: it is not a PEM certificate; remove it to have a new one made`, {
      cause,
    });
  }
}

function openKey(path: string): { key: KeyObject; pem: string } {
  const stored = readIfPresent(path);
  if (stored === undefined) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    writePrivateFile(path, pem);
    return { key: privateKey, pem };
  }
  // A copy or a restore may have widened the mode.
  chmodSync(path, 0o600);
  return { key: parseKey(path, stored), pem: stored };
}

function parseKey(path: string, pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    const { namedCurve } = key.asymmetricKeyDetails ?? {};
    if (namedCurve !== 'prime256v1') throw new Error(`a key of ${namedCurve ?? key.asymmetricKeyType} was found`);
    return key;
  } catch (cause) {
    throw new Error(`reading the private key ${path}: it is not a P-256 key in PEM; remove it to have a new one made`, {
      cause,
    });
  }
}
