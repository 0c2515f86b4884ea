import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Ignore, parseIgnore } from './ignore.ts';
import { type Descriptor, media } from './oci.ts';
import { type TarEntry, tarEnd, tarHeader, tarPadding } from './tar-write.ts';

/** A layer that was packed, and the digest of the archive inside (the configuration's diff_id). */
export interface PackedLayer {
  descriptor: Descriptor;
  /** Where its bytes lie until the store takes them. */
  file: string;
  diffId: string;
}

/**
 * Packs a folder into a layer that puts it at `workdir`, as a file beside the blobs of the store in `dir`. Equal folders give equal
 * layers: names are sorted, everything belongs to root, times are the epoch, modes are 0755 or 0644.
 * @throws Error for a file that is neither file, folder nor a link within the folder.
 */
export async function packFolder(dir: string, folder: string, workdir: string): Promise<PackedLayer> {
  await mkdir(join(dir, 'blobs', 'sha256'), { recursive: true });
  const aside = join(dir, 'blobs', `.packing-${randomBytes(6).toString('hex')}`);
  const inner = createHash('sha256');
  const outer = createHash('sha256');
  let size = 0;
  try {
    await pipeline(
      archive(folder, workdir, await readIgnore(folder)),
      tap((chunk) => inner.update(chunk)),
      createGzip({ level: 6 }),
      tap((chunk) => {
        outer.update(chunk);
        size += chunk.length;
      }),
      createWriteStream(aside, { flags: 'wx', flush: true }),
    );
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
  const digest = `sha256:${outer.digest('hex')}`;
  const descriptor = { mediaType: media.layer, digest, size };
  return { descriptor, file: aside, diffId: `sha256:${inner.digest('hex')}` };
}

function tap(see: (chunk: Buffer) => void): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      see(chunk);
      done(null, chunk);
    },
  });
}

async function readIgnore(folder: string): Promise<Ignore> {
  try {
    return parseIgnore(await readFile(join(folder, '.homeportignore'), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return parseIgnore('');
    throw error;
  }
}

async function* archive(folder: string, workdir: string, ignore: Ignore): AsyncGenerator<Buffer> {
  const parts = workdir.split('/').filter((part) => part !== '');
  for (let depth = 1; depth <= parts.length; depth++) {
    yield tarHeader({ name: `${parts.slice(0, depth).join('/')}/`, type: 'directory', mode: 0o755, size: 0 });
  }
  const prefix = parts.length === 0 ? '' : `${parts.join('/')}/`;
  for await (const { path, entry } of walk(folder, '', ignore)) {
    yield tarHeader({ ...entry, name: prefix + entry.name });
    if (entry.type === 'file') yield* fileContent(path, entry.size);
  }
  yield tarEnd();
}

async function* fileContent(path: string, size: number): AsyncGenerator<Buffer> {
  let read = 0;
  if (size > 0) {
    for await (const chunk of createReadStream(path, { end: size - 1 })) {
      read += chunk.length;
      yield chunk;
    }
  }
  if (read !== size) throw new Error(`packing ${path}: the file changed while it was read`);
  yield tarPadding(size);
}

async function* walk(root: string, at: string, ignore: Ignore): AsyncGenerator<{ path: string; entry: TarEntry }> {
  const names = (await readdir(join(root, at))).sort();
  for (const base of names) {
    const name = at === '' ? base : `${at}/${base}`;
    if (ignore(name)) continue;
    const path = join(root, name);
    const info = await lstat(path);
    if (info.isDirectory()) {
      yield { path, entry: { name: `${name}/`, type: 'directory', mode: 0o755, size: 0 } };
      yield* walk(root, name, ignore);
    } else if (info.isFile()) {
      yield { path, entry: { name, type: 'file', mode: info.mode & 0o100 ? 0o755 : 0o644, size: info.size } };
    } else if (info.isSymbolicLink()) {
      yield { path, entry: { name, type: 'symlink', mode: 0o777, size: 0, linkName: await innerLink(path, name) } };
    } else {
      throw new Error(
        `packing ${path}: only files, folders and links can be part of an image; .homeportignore says what stays out`,
      );
    }
  }
}

/** The target of a link, which must stay within the folder: elsewhere it would mean something else. */
async function innerLink(path: string, name: string): Promise<string> {
  const target = await readlink(path);
  const landing = normalize(join(dirname(name), target));
  if (target.startsWith('/') || landing === '..' || landing.startsWith('../')) {
    throw new Error(`packing ${path}: the link leads out of the folder, to ${target}`);
  }
  return target;
}
