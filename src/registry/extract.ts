import { type FileHandle, link, mkdir, open, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageFolder, openImageFolder, statOf } from './image-folder.ts';
import { setOwner } from './owner.ts';
import { readTar, type TarMember } from './tar-read.ts';
import { createWhiteouts, type Whiteouts } from './whiteout.ts';

/** What one layer may at most unpack to: beyond it an image is a bomb, not a program. */
const limits = { members: 1_000_000, bytes: 32 * 2 ** 30 };

/** A layer means nothing by itself: it deletes or completes what lies below it. */
export class NeedsBelow extends Error {
  constructor() {
    super('the layer needs those below it');
    this.name = 'NeedsBelow';
  }
}

export interface ExtractOptions {
  /**
   * Whether the folder holds the layers below already. Without them, a layer that deletes something of theirs or puts
   * something into a folder that it does not bring along ends in NeedsBelow.
   */
  onto?: boolean;
}

interface Extraction {
  image: ImageFolder;
  whiteouts: Whiteouts;
  onto: boolean;
}

/**
 * Unpacks a layer into a folder that nobody else writes to. The archive is not trusted: names and links are followed
 * within the folder only, as in a container; a name with `..`, a device or a pipe makes the whole layer fail. File
 * capabilities, other extended attributes and set-user-id bits are left out.
 * @throws NeedsBelow, or Error naming the member and what is wrong with it.
 */
export async function extractLayer(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  { onto = false }: ExtractOptions = {},
): Promise<void> {
  const image = openImageFolder(folder);
  const extraction = { image, whiteouts: createWhiteouts(image), onto };
  let members = 0;
  let bytes = 0;
  for await (const member of readTar(archive)) {
    members += 1;
    bytes += member.size;
    if (members > limits.members || bytes > limits.bytes) throw new Error('the layer unpacks to more than is accepted');
    try {
      await extractMember(member, extraction);
    } catch (error) {
      if (error instanceof NeedsBelow) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new Error(`unpacking ${JSON.stringify(member.name)}: ${why}`, { cause: error });
    }
  }
}

async function extractMember(member: TarMember, extraction: Extraction): Promise<void> {
  const { image, whiteouts, onto } = extraction;
  const parts = partsOf(member.name);
  const base = parts.pop();
  if (base === undefined) return;
  // Devices come to /dev with the container, whatever an image has there.
  if (isDevice(member) && parts[0] === 'dev') return;
  const missing = () => {
    if (!onto) throw new NeedsBelow();
  };
  const parent = await image.enter(parts, missing);
  if (base.startsWith('.wh.')) {
    if (!onto) throw new NeedsBelow();
    return whiteouts.apply(parent, base);
  }
  const path = join(parent, base);
  whiteouts.keep(path);
  if (member.type === '5') await makeFolder(member, path, image);
  else await makeOther(member, path, extraction);
}

const isDevice = ({ type }: TarMember) => type === '3' || type === '4' || type === '6';

/** 'a/b', './a/b', '/a/b' and 'a/b/' are the same; '..' is refused. */
function partsOf(name: string): string[] {
  if (name.includes('\0')) throw new Error('the name holds a NUL');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error('the name leads out of the image');
  return parts;
}

async function makeFolder(member: TarMember, path: string, image: ImageFolder): Promise<void> {
  const found = await statOf(path);
  if (!found?.isDirectory()) {
    if (found) await replace(path, image);
    await mkdir(path, { mode: 0o700 });
  }
  await setOwner(path, member);
}

async function makeOther(member: TarMember, path: string, extraction: Extraction): Promise<void> {
  const { image } = extraction;
  if (await statOf(path)) await replace(path, image);
  switch (member.type) {
    case '0':
    case '7':
      return writeContent(member, path);
    case '1':
      return link(await linkTarget(member, path, extraction), path);
    case '2':
      if (member.linkName === '' || member.linkName.includes('\0')) throw new Error('the link has no target');
      await symlink(member.linkName, path);
      return setOwner(path, member);
    default:
      throw new Error(`members of type ${JSON.stringify(member.type)} (devices, pipes) are not accepted`);
  }
}

async function replace(path: string, image: ImageFolder): Promise<void> {
  await rm(path, { force: true, recursive: true });
  image.forget();
}

async function writeContent(member: TarMember, path: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of member.content) await writeAll(file, chunk);
    await setOwner(file, member);
    await file.utimes(member.mtime, member.mtime);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
}

/** The file that a hard link stands for. What it is, and whose, was said where it was made. */
async function linkTarget(member: TarMember, path: string, { image, onto }: Extraction): Promise<string> {
  const parts = partsOf(member.linkName);
  const base = parts.pop();
  const missing = () => {
    if (!onto) throw new NeedsBelow();
    throw new Error('the hard link leads to nothing');
  };
  const target = join(await image.enter(parts, missing), base ?? '.');
  const found = await statOf(target);
  if (!found) return missing();
  if (!found.isFile() || target === path) throw new Error('the hard link leads to something that is not a file');
  return target;
}
