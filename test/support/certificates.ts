// @peculiar/x509 needs this polyfill to be there before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

/** A certificate authority that Homeport does not know (ca.crt), and a client certificate of it (ada.crt, ada.key). */
export async function writeForeignCertificates(folder: string): Promise<void> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const authorityKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notAfter = new Date(Date.now() + 3_600_000);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=other',
    notAfter,
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const ada = await x509.X509CertificateGenerator.create({
    subject: 'O=engineers, CN=ada',
    issuer: authority.subject,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  writeFileSync(join(folder, 'ca.crt'), authority.toString('pem'));
  writeFileSync(join(folder, 'ada.crt'), ada.toString('pem'));
  writeFileSync(join(folder, 'ada.key'), x509.PemConverter.encode(key, 'PRIVATE KEY'));
}

/** A certificate for a host that nobody has signed but itself, and its key, as a Secret of type kubernetes.io/tls has them. */
export async function serverCertificate(host: string): Promise<{ 'tls.crt': string; 'tls.key': string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${host}`,
    notAfter: new Date(Date.now() + 3_600_000),
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }])],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { 'tls.crt': certificate.toString('pem'), 'tls.key': key };
}
