import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { type Descriptor, isDigest } from './oci.ts';

/** Largest manifest or configuration that is read into memory (the limit registries use, too). */
export const largestDocument = 4 * 2 ** 20;

/** Writes a file so that a reader sees the old or the new content, and so that it survives a power cut. */
export async function writeAtomically(path: string, content: string | Uint8Array): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(aside, 'wx', 0o644);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

export function sha256(bytes: string | Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The path of a blob: DIR/blobs/sha256/HEX. Throws for a digest of another form, so that none can name another file. */
export function blobPath(dir: string, digest: string): string {
  if (!isDigest(digest)) throw new Error(`the digest ${JSON.stringify(digest)} is not of the form sha256:HEX`);
  return join(dir, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

/** Whether a blob is here, whole as far as its size tells. */
export async function hasBlob(dir: string, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): Promise<boolean> {
  const found = await stat(blobPath(dir, digest)).catch(() => undefined);
  return found?.size === size;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Stores a document as a blob. */
export async function putDocument(dir: string, mediaType: string, document: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(document));
  const digest = sha256(bytes);
  await mkdir(join(dir, 'blobs', 'sha256'), { recursive: true });
  await writeAtomically(blobPath(dir, digest), bytes);
  return { mediaType, digest, size: bytes.length };
}

/** Reads a document's bytes. Throws when it is missing, too large, or not what the digest says. */
export async function readBlob(dir: string, digest: string): Promise<Buffer> {
  const path = blobPath(dir, digest);
  if ((await stat(path)).size > largestDocument) throw new Error(`${digest} is too large for a manifest`);
  const bytes = await readFile(path);
  if (sha256(bytes) !== digest) throw new Error(`the blob ${digest} is damaged: build or pull the image again`);
  return bytes;
}

/** The bytes of a blob; the stream fails at its end when they are not what the digest says. */
export function readVerified(dir: string, digest: string): Transform {
  const checked = verifier(digest, 'the blob');
  createReadStream(blobPath(dir, digest))
    .on('error', (error) => checked.destroy(error))
    .pipe(checked);
  return checked;
}

/** Passes bytes through and fails at the end unless they have this digest. */
export function verifier(digest: string, what: string): Transform {
  const hash = createHash('sha256');
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      const found = `sha256:${hash.digest('hex')}`;
      done(found === digest ? null : new Error(`${what} ${digest} is damaged: its content has ${found}`));
    },
  });
}
