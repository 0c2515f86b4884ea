import { createWriteStream } from 'node:fs';
import { chmod, lchown, link, lstat, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { readTar, type TarMember } from './tar-read.ts';

/** What one layer may at most unpack to: beyond it an image is a bomb, not a program. */
const limits = { members: 1_000_000, bytes: 32 * 2 ** 30 };

/**
 * Unpacks a layer into an empty folder. The archive is not trusted: a member that would land outside the folder, that
 * goes through a link, or that is a device makes the whole layer fail.
 * @throws Error naming the member and what is wrong with it.
 */
export async function extractLayer(archive: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
  const real = new Set([folder]);
  let members = 0;
  let bytes = 0;
  for await (const member of readTar(archive)) {
    members += 1;
    bytes += member.size;
    if (members > limits.members || bytes > limits.bytes) throw new Error('the layer unpacks to more than is accepted');
    try {
      await extractMember(member, folder, real);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`unpacking ${JSON.stringify(member.name)}: ${why}`, { cause: error });
    }
  }
}

async function extractMember(member: TarMember, folder: string, real: Set<string>): Promise<void> {
  const path = insidePath(folder, member.name);
  if (path === folder) return;
  const base = path.slice(path.lastIndexOf('/') + 1);
  if (base.startsWith('.wh.')) throw new Error('layers that delete files of others are not supported yet');
  await ensureRealFolder(dirname(path), folder, real);
  if (member.type === '5') {
    await ensureRealFolder(path, folder, real);
  } else {
    real.delete(path);
    await rm(path, { force: true, recursive: true });
    await createMember(member, path, folder);
  }
  await own(member, path);
}

async function createMember(member: TarMember, path: string, folder: string): Promise<void> {
  switch (member.type) {
    case '0':
    case '7':
      return pipeline(member.content, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    case '1': {
      const target = insidePath(folder, member.linkName);
      await ensureNoLink(target, folder);
      return link(target, path);
    }
    case '2':
      if (member.linkName === '' || member.linkName.includes('\0')) throw new Error('the link has no target');
      return symlink(member.linkName, path);
    default:
      throw new Error(`members of type ${JSON.stringify(member.type)} (devices, pipes) are not accepted`);
  }
}

async function own(member: TarMember, path: string): Promise<void> {
  if (process.getuid?.() === 0) await lchown(path, member.uid, member.gid);
  // Set-user-id bits would be a way up for a process on the host that finds the folder.
  if (member.type !== '2') await chmod(path, member.mode & 0o1777);
}

/** Where a member's name lies in the folder: 'a/b', './a/b' and '/a/b' are the same; '..' is refused. */
function insidePath(folder: string, name: string): string {
  if (name.includes('\0')) throw new Error('the name holds a NUL');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error('the name leads out of the image');
  return parts.length === 0 ? folder : join(folder, ...parts);
}

/** Makes sure that a path below the folder is a folder, and that none of its parents is a link. */
async function ensureRealFolder(path: string, folder: string, real: Set<string>): Promise<void> {
  if (real.has(path)) return;
  await ensureRealFolder(dirname(path), folder, real);
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) await mkdir(path, { mode: 0o755 });
  else if (!found.isDirectory()) throw new Error('a parent of it is not a folder');
  real.add(path);
}

async function ensureNoLink(path: string, folder: string): Promise<void> {
  for (let at = dirname(path); at !== folder; at = dirname(at)) {
    if (!(await lstat(at)).isDirectory()) throw new Error('the hard link goes through something that is not a folder');
  }
  if (!(await lstat(path)).isFile()) throw new Error('the hard link leads to something that is not a file');
}
