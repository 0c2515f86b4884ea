import { createHash, type Hash, randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { blobPath } from '../blobs.ts';
import type { Descriptor } from '../oci.ts';
import { RegistryError } from './registry-error.ts';
import type { Session } from './session.ts';

/** How often a download that breaks off is taken up again. */
const attempts = 5;

/** What went wrong with the content itself: asking again would not change it. */
class ContentError extends Error {}

/**
 * Downloads a blob into the store in `dir`. It is checked as it comes: more bytes than its descriptor says end it at
 * once, and a digest that is not the descriptor's leaves nothing. A download that breaks off goes on where it was.
 * @param tell is called with the bytes that are there so far
 */
export async function downloadBlob(
  session: Session,
  dir: string,
  blob: Descriptor,
  tell: (done: number) => void,
): Promise<void> {
  const aside = join(dir, 'blobs', `.pulling-${randomBytes(6).toString('hex')}`);
  const file = await open(aside, 'wx', 0o644);
  try {
    const state: Partial = { file, hash: createHash('sha256'), at: 0 };
    for (let attempt = 1; state.at < blob.size || attempt === 1; attempt++) {
      try {
        await continueDownload(session, blob, state, tell);
      } catch (error) {
        if (attempt === attempts || error instanceof ContentError || error instanceof RegistryError) throw error;
        await delay(200 * 2 ** attempt);
      }
    }
    const found = `sha256:${state.hash.digest('hex')}`;
    if (found !== blob.digest)
      throw new Error(`the registry sent other content for ${blob.digest}: it has the digest ${found}`);
    await file.sync();
    await rename(aside, blobPath(dir, blob.digest));
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

interface Partial {
  file: FileHandle;
  /** Of what is there so far. */
  hash: Hash;
  at: number;
}

async function continueDownload(
  session: Session,
  blob: Descriptor,
  state: Partial,
  tell: (done: number) => void,
): Promise<void> {
  const headers: Record<string, string> = state.at > 0 ? { range: `bytes=${state.at}-` } : {};
  const response = await session.expect([200, 206], { method: 'GET', path: `blobs/${blob.digest}`, headers });
  try {
    if (response.statusCode === 200) startOver(state);
    else if (!response.headers['content-range']?.startsWith(`bytes ${state.at}-`))
      throw new Error('the registry sent another part than was asked for');
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (state.at + chunk.length > blob.size)
        throw new ContentError(`the registry sends more than the ${blob.size} bytes that ${blob.digest} has`);
      state.hash.update(chunk);
      await state.file.write(chunk, 0, chunk.length, state.at);
      state.at += chunk.length;
      tell(state.at);
    }
    if (state.at < blob.size) throw cutOff(response, blob, state.at);
  } finally {
    response.destroy();
  }
}

function startOver(state: Partial): void {
  state.hash = createHash('sha256');
  state.at = 0;
}

function cutOff(response: IncomingMessage, blob: Descriptor, at: number): Error {
  return new Error(
    `${response.complete ? 'the registry ended' : 'the connection broke off'} after ${at} of the ${blob.size} bytes of ${blob.digest}`,
  );
}
