import { createPublicKey, verify, X509Certificate } from 'node:crypto';

const pemBlock = /-----BEGIN ([A-Z ]+)-----\n?([\s\S]*?)-----END \1-----/g;

interface PemBlock {
  readonly type: string;
  readonly body: string;
}

function pemBlocks(base64: string): PemBlock[] {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return [...text.matchAll(pemBlock)].map(([, type = '', body = '']) => ({ type, body }));
}

/** Why the bytes hold no certificates in PEM, or undefined. */
export function certificateError(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const blocks = pemBlocks(base64);
  const other = blocks.find(({ type }) => type !== 'CERTIFICATE');
  if (other) return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(other.type)}`;
  if (blocks.some(({ body }) => body.includes(':'))) return 'no PEM block headers are permitted';
  try {
    for (const { body } of blocks) new X509Certificate(Buffer.from(body, 'base64'));
  } catch (error) {
    return `x509: ${error instanceof Error ? error.message : String(error)}`;
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

/** Why the bytes are no certificate request (PKCS #10, RFC 2986) that its own key has signed, or undefined. */
export function csrError(base64: string): string | undefined {
  const [block] = pemBlocks(base64);
  if (block?.type !== 'CERTIFICATE REQUEST') return 'PEM block type must be CERTIFICATE REQUEST';
  try {
    const signed = isSelfSigned(Buffer.from(block.body, 'base64'));
    return signed ? undefined : 'x509: the signature is not of the key that the request is for';
  } catch (error) {
    return `x509: malformed certificate request: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const SEQUENCE = 0x30;

/** Digests by the object identifiers of the signatures that they are part of, in DER. Ed25519 has none of its own. */
const digests: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
  '2b6570': null,
};

/** CertificationRequest: what is requested, the algorithm of the signature, and the signature. Throws for other bytes. */
function isSelfSigned(der: Buffer): boolean {
  const [info, algorithm, signature] = children(der, SEQUENCE);
  if (!info || !algorithm || !signature) throw new Error('it has not the three parts of one');
  const [, , key] = children(info, SEQUENCE);
  if (!key) throw new Error('it has no public key');
  const [oid] = children(algorithm, SEQUENCE);
  const digest = oid ? digests[content(oid).toString('hex')] : undefined;
  if (digest === undefined) throw new Error('it is signed with an algorithm that is not known here');
  const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
  // A bit string begins with the number of bits that its last byte does not use.
  return verify(digest, info, publicKey, content(signature).subarray(1));
}

/** The length of a DER element's header and of its content. Throws for what is cut off. */
function lengths(der: Buffer): { header: number; length: number } {
  const first = der.readUInt8(1);
  const bytes = first < 0x80 ? 0 : first & 0x7f;
  const [header, length] = bytes === 0 ? [2, first] : [2 + bytes, der.readUIntBE(2, Math.min(bytes, 6))];
  if (header + length > der.length) throw new Error('it is cut off');
  return { header, length };
}

function content(der: Buffer): Buffer {
  const { header, length } = lengths(der);
  return der.subarray(header, header + length);
}

/** The elements within a DER element of a type. Throws for another. */
function children(der: Buffer, tag: number): Buffer[] {
  if (der.readUInt8(0) !== tag) throw new Error('it is not built as DER');
  const elements: Buffer[] = [];
  for (let rest = content(der); rest.length > 0; ) {
    const { header, length } = lengths(rest);
    elements.push(rest.subarray(0, header + length));
    rest = rest.subarray(header + length);
  }
  return elements;
}
