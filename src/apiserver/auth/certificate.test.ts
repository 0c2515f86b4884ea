import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signCertificate } from './certificate.ts';

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const now = Date.UTC(2030, 0, 1, 0, 0, 0, 250);
const lifetime = { notBefore: now, notAfter: now + 1000 };
const key = newKey();

describe('signCertificate', () => {
  it('keeps every group one value, whatever its name looks like', async () => {
    const awkward = fc.constantFrom(
      'a,O=system:masters',
      'a+CN=root',
      '#0c0161',
      '"quoted"',
      'back\\,slash\\0a',
      'é=ß;<>',
    );
    const value = fc.oneof(awkward, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })).filter(isText);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(value, { maxLength: 3 }), value, async (organizations, commonName) => {
        const pem = await signCertificate({
          subject: { commonName, organizations },
          key,
          usage: 'client',
          ...lifetime,
        });
        const subject = { ...new X509Certificate(pem).toLegacyObject().subject };
        expect([subject['O'] ?? []].flat()).toEqual(organizations);
        expect(subject['CN']).toBe(commonName);
        expect(Object.keys(subject).sort()).toEqual(organizations.length > 0 ? ['CN', 'O'] : ['CN']);
      }),
      { numRuns: 50 },
    );
  });

  it("names its issuer by the issuer's own name and key identifier", async () => {
    const caPem = await signCertificate({ subject: { commonName: 'a,b' }, key, usage: 'ca', ...lifetime });
    const issuer = { certPem: caPem, key };
    const pem = await signCertificate({
      subject: { commonName: 'c' },
      issuer,
      key: newKey(),
      usage: 'client',
      ...lifetime,
    });
    const [ca, leaf] = [new X509Certificate(caPem), new X509Certificate(pem)];
    expect(leaf.checkIssued(ca)).toBe(true);
    expect(leaf.verify(ca.publicKey)).toBe(true);
    expect(ca.checkIssued(ca)).toBe(true);
  });

  it('writes whole seconds also from the year 2050 on, where the encoding of times changes', async () => {
    const notAfter = Date.UTC(2055, 0, 1, 0, 0, 0, 250);
    const pem = await signCertificate({ subject: { commonName: 'c' }, key, usage: 'ca', notBefore: now, notAfter });
    expect(new X509Certificate(pem).raw.includes('20550101000000Z')).toBe(true);
  });

  it('refuses a key that is not P-256', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const other = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await expect(
      signCertificate({ subject: { commonName: 'c' }, key: other, usage: 'ca', ...lifetime }),
    ).rejects.toThrow();
  });
});

/** OpenSSL prints neither lone surrogates nor zero bytes as they are. */
function isText(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}
