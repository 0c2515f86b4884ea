import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';

/** Who a certificate speaks for: Kubernetes reads the user from the common name and the groups from the organizations. */
export interface DistinguishedName {
  commonName: string;
  organizations?: readonly string[];
}

export interface CertificateRequest {
  subject: DistinguishedName;
  /** The key that the certificate is for. */
  publicKey: KeyObject;
  issuer: DistinguishedName;
  /** P-256 private key of the issuer; the subject's own for a self-signed certificate. */
  issuerKey: KeyObject;
  usage: 'ca' | 'server' | 'client';
  /** DNS names and IP addresses (servers only). */
  names?: readonly string[];
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
}

const OID = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
};

/** An X.509 v3 certificate (RFC 5280) signed with ECDSA and SHA-256, as PEM. */
export function signCertificate(request: CertificateRequest): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    algorithm,
    name(request.issuer),
    sequence(time(request.notBefore), time(request.notAfter)),
    name(request.subject),
    spki(request.publicKey),
    explicit(3, sequence(...extensions(request))),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, request.issuerKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** RFC 5280 wants serial numbers above zero. */
function positive(bytes: Buffer): Buffer {
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return bytes;
}

function name(of: DistinguishedName): Buffer {
  const attribute = (type: string, value: string) => setOf(sequence(oid(type), utf8String(value)));
  const organizations = (of.organizations ?? []).map((organization) => attribute(OID.organization, organization));
  return sequence(...organizations, attribute(OID.commonName, of.commonName));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(spki(key)).digest().subarray(0, 20);
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return critical ? sequence(oid(id), boolean(true), octetString(value)) : sequence(oid(id), octetString(value));
}

function extensions(request: CertificateRequest): Buffer[] {
  const authority = keyIdentifier(createPublicKey(request.issuerKey));
  const common = [
    extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(request.publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(implicit(0, authority))),
  ];
  if (request.usage === 'ca') {
    const keyCertSignAndCrlSign = bitString(Buffer.from([0b0000_0110]), 1);
    return [
      extension(OID.basicConstraints, true, sequence(boolean(true))),
      extension(OID.keyUsage, true, keyCertSignAndCrlSign),
      ...common,
    ];
  }
  const digitalSignature = bitString(Buffer.from([0b1000_0000]), 7);
  const purpose = request.usage === 'server' ? OID.serverAuth : OID.clientAuth;
  return [
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, digitalSignature),
    extension(OID.extendedKeyUsage, false, sequence(oid(purpose))),
    ...common,
    ...(request.names?.length
      ? [extension(OID.subjectAltName, false, sequence(...request.names.map(generalName)))]
      : []),
  ];
}

function generalName(of: string): Buffer {
  const family = isIP(of);
  if (family === 0) return implicit(2, Buffer.from(of, 'latin1'));
  return implicit(7, family === 4 ? Buffer.from(of.split('.').map(Number)) : ipv6Bytes(of));
}

/** The sixteen bytes of a valid IPv6 address without an embedded IPv4 one. */
function ipv6Bytes(address: string): Buffer {
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::');
  const groups = (text: string | undefined) => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const left = groups(head);
  const right = groups(tail);
  const words = [...left, ...new Array<number>(8 - left.length - right.length).fill(0), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, word] of words.entries()) bytes.writeUInt16BE(word & 0xffff, index * 2);
  return bytes;
}
