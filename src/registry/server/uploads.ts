import { createHash, type Hash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { blobPath } from '../blobs.ts';
import { DistributionError } from './distribution-error.ts';

/** Blobs on their way in, each a file beside the store's. They outlive a restart; what was written counts. */
export interface Uploads {
  begin(): Promise<string>;
  /** How many bytes are there. @throws DistributionError BLOB_UPLOAD_UNKNOWN */
  size(id: string): Promise<number>;
  /** Adds a body; `start` must be where the upload is. @returns the new size */
  append(id: string, body: IncomingMessage, start: number | undefined): Promise<number>;
  /** Makes the upload a blob of the store. @throws DistributionError DIGEST_INVALID for other content: the upload is gone then */
  finish(id: string, digest: string): Promise<void>;
  cancel(id: string): Promise<void>;
}

interface Session {
  hash: Hash;
  size: number;
  /** Somebody writes to it now. */
  busy: boolean;
}

export function createUploads(dir: string): Uploads {
  const folder = join(dir, 'uploads');
  const sessions = new Map<string, Session>();
  const pathOf = (id: string) => join(folder, id);

  async function sessionOf(id: string): Promise<Session> {
    const known = sessions.get(id);
    if (known) return known;
    const found = await stat(pathOf(id)).catch(() => undefined);
    if (!found) throw new DistributionError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
    // Begun before a restart: what is there is hashed once more.
    const session: Session = { hash: createHash('sha256'), size: found.size, busy: true };
    sessions.set(id, session);
    for await (const chunk of createReadStream(pathOf(id))) session.hash.update(chunk);
    session.busy = false;
    return session;
  }

  async function exclusively<T>(id: string, action: (session: Session) => Promise<T>): Promise<T> {
    const session = await sessionOf(id);
    if (session.busy) throw new DistributionError('BLOB_UPLOAD_INVALID', 'the upload is being written to already');
    session.busy = true;
    try {
      return await action(session);
    } finally {
      session.busy = false;
    }
  }

  async function forget(id: string): Promise<void> {
    sessions.delete(id);
    await rm(pathOf(id), { force: true });
  }

  return {
    async begin() {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const id = randomBytes(16).toString('hex');
      await (await open(pathOf(id), 'wx', 0o644)).close();
      sessions.set(id, { hash: createHash('sha256'), size: 0, busy: false });
      return id;
    },
    size: async (id) => (await sessionOf(id)).size,
    append: (id, body, start) =>
      exclusively(id, async (session) => {
        if (start !== undefined && start !== session.size) throw outOfPlace(session.size);
        const counted = new Transform({
          transform(chunk: Buffer, _encoding, done) {
            session.hash.update(chunk);
            session.size += chunk.length;
            done(null, chunk);
          },
        });
        try {
          await pipeline(body, counted, createWriteStream(pathOf(id), { flags: 'r+', start: session.size }));
        } catch (error) {
          // Some of it may be written and some not: what is on disk counts, and is hashed anew.
          sessions.delete(id);
          throw error;
        }
        return session.size;
      }),
    finish: (id, digest) =>
      exclusively(id, async ({ hash }) => {
        const found = `sha256:${hash.digest('hex')}`;
        if (found !== digest) {
          await forget(id);
          throw new DistributionError('DIGEST_INVALID', `the content has the digest ${found}, not ${digest}`);
        }
        const file = await open(pathOf(id), 'r+');
        await file.sync().finally(() => file.close());
        await rename(pathOf(id), blobPath(dir, digest));
        sessions.delete(id);
      }),
    async cancel(id) {
      await sessionOf(id);
      await forget(id);
    },
  };
}

const outOfPlace = (size: number) =>
  new DistributionError('RANGE_INVALID', `the next part must begin at ${size}`, { range: rangeOf(size) });

/** How far an upload is, as the Range header says it. */
export const rangeOf = (size: number) => `0-${Math.max(0, size - 1)}`;
