// Loaded when the first request comes, for the reason that certificate.ts gives.
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { RequestedCertificate } from '../../client/index.ts';

export interface Authority {
  certPem: string;
  /** P-256. */
  key: KeyObject;
}

const P256 = { name: 'ECDSA', namedCurve: 'P-256' };
const SECOND = 1000;
/** Clocks of those who check may be behind ours, in seconds. */
const BACKDATE = 5 * 60;
/** What lives shorter is not backdated at its end, in seconds. */
const SHORT = 8 * 60 * 60;

const KEY_USAGES: Readonly<Record<string, x509.KeyUsageFlags>> = {
  signing: x509.KeyUsageFlags.digitalSignature,
  'digital signature': x509.KeyUsageFlags.digitalSignature,
  'content commitment': x509.KeyUsageFlags.nonRepudiation,
  'key encipherment': x509.KeyUsageFlags.keyEncipherment,
  'key agreement': x509.KeyUsageFlags.keyAgreement,
  'data encipherment': x509.KeyUsageFlags.dataEncipherment,
};
const EXTENDED_USAGES: Readonly<Record<string, string>> = {
  'client auth': x509.ExtendedKeyUsage.clientAuth,
  'server auth': x509.ExtendedKeyUsage.serverAuth,
};

/** The subject and alternative names of a request in PEM. Throws an Error for anything else. */
export function readRequest(requestPem: string): RequestedCertificate {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const names = alternativeNamesOf(request)?.names.items ?? [];
  const of = (type: x509.GeneralName['type']) => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField('CN').at(-1) ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    uris: of('url'),
  };
}

function alternativeNamesOf(request: x509.Pkcs10CertificateRequest): x509.SubjectAlternativeNameExtension | undefined {
  return request.extensions.find((extension) => extension instanceof x509.SubjectAlternativeNameExtension);
}

/** Signs a request as kube-controller-manager does: no authority of its own, at most as long as the one that signs. */
export async function signRequest(
  authority: Authority,
  requestPem: string,
  usages: readonly string[],
  seconds: number,
): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const issuer = new x509.X509Certificate(authority.certPem);
  const now = Math.floor(Date.now() / SECOND);
  const begins = now - BACKDATE;
  const ends = Math.min((seconds < SHORT ? now : begins) + seconds, issuer.notAfter.getTime() / SECOND);
  const names = alternativeNamesOf(request);
  const flags = usages.reduce((all, usage) => all | (KEY_USAGES[usage] ?? 0), 0);
  const extended = usages.flatMap((usage) => EXTENDED_USAGES[usage] ?? []);
  const issuerKey = issuer.getExtension(x509.SubjectKeyIdentifierExtension);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: request.subjectName,
    issuer: issuer.subjectName,
    notBefore: new Date(begins * SECOND),
    notAfter: new Date(ends * SECOND),
    publicKey: request.publicKey,
    signingKey: authority.key.toCryptoKey(P256, false, ['sign']),
    signingAlgorithm: { ...P256, hash: 'SHA-256' },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      // One without any would be malformed (RFC 5280, 4.2.1.3).
      ...(flags === 0 ? [] : [new x509.KeyUsagesExtension(flags, true)]),
      ...(extended.length > 0 ? [new x509.ExtendedKeyUsageExtension(extended)] : []),
      ...(issuerKey ? [new x509.AuthorityKeyIdentifierExtension(issuerKey.keyId)] : []),
      ...(names ? [names] : []),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}
