// The library's dependency injection needs this polyfill to be there before it; together they take long to load (~100 ms),
// so this module is imported only when a certificate must be made.
import 'reflect-metadata';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** Who a certificate speaks for: Kubernetes reads the user from the common name and the groups from the organizations. */
export interface DistinguishedName {
  commonName: string;
  organizations?: readonly string[];
}

export interface CertificateRequest {
  subject: DistinguishedName;
  /** P-256 private key that the certificate is for. */
  key: KeyObject;
  /** Who signs, with its own P-256 private key; the subject itself unless given. */
  issuer?: { certPem: string; key: KeyObject };
  usage: 'ca' | 'server' | 'client';
  /** DNS names and IP addresses (servers only). */
  names?: readonly string[];
  /** Milliseconds since the epoch. */
  notBefore: number;
  notAfter: number;
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };

/** An X.509 v3 certificate (RFC 5280) signed with ECDSA and SHA-256, as PEM. Throws for a key of another kind. */
export async function signCertificate(request: CertificateRequest): Promise<string> {
  const subject = nameOf(request.subject);
  const publicKey = createPublicKey(request.key).toCryptoKey(P256, true, ['verify']);
  const subjectKey = await x509.SubjectKeyIdentifierExtension.create(publicKey);
  const issuer = request.issuer && new x509.X509Certificate(request.issuer.certPem);
  const issuerKey = issuer ? await keyIdentifierOf(issuer) : subjectKey;
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subjectName ?? subject,
    notBefore: wholeSeconds(request.notBefore),
    notAfter: wholeSeconds(request.notAfter),
    publicKey,
    signingKey: (request.issuer?.key ?? request.key).toCryptoKey(P256, false, ['sign']),
    signingAlgorithm: { ...P256, hash: 'SHA-256' },
    extensions: [
      ...usageExtensions(request),
      subjectKey,
      new x509.AuthorityKeyIdentifierExtension(issuerKey.keyId),
      ...(request.names?.length ? [new x509.SubjectAlternativeNameExtension(request.names.map(alternativeName))] : []),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** As the certificate says it, since each issuer may derive it in its own way (RFC 5280, 4.2.1.2). */
async function keyIdentifierOf(certificate: x509.X509Certificate): Promise<x509.SubjectKeyIdentifierExtension> {
  const stated = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  return stated ?? (await x509.SubjectKeyIdentifierExtension.create(certificate.publicKey));
}

function usageExtensions({ usage }: CertificateRequest): x509.Extension[] {
  if (usage === 'ca') {
    return [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ];
  }
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([usage === 'server' ? serverAuth : clientAuth]),
  ];
}

/** Typed values, because the library reads escapes and quotes in plain strings: a group's name must stay one value. */
function nameOf({ commonName, organizations = [] }: DistinguishedName): x509.Name {
  return new x509.Name([
    ...organizations.map((organization) => ({ O: [{ utf8String: organization }] })),
    { CN: [{ utf8String: commonName }] },
  ]);
}

function alternativeName(name: string): x509.JsonGeneralName {
  return { type: isIP(name) === 0 ? 'dns' : 'ip', value: name };
}

/** RFC 5280 (4.1.2.5) forbids fractions of a second, which the library writes from the year 2050 on. */
function wholeSeconds(milliseconds: number): Date {
  return new Date(Math.floor(milliseconds / 1000) * 1000);
}
