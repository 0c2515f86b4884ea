import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** LMDB's file as its mdb.c (data version 2) lays it out; numbers are little-endian. */
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const HEADER = 24;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
/** A node whose value lies on pages of its own. */
const BIG = 0x01;
const NO_PAGE = 2n ** 64n - 1n;
/** What a meta page takes, in bytes; the page's real size stands in it. */
const META_BYTES = 168;
const SMALLEST_PAGE = 512;
const LARGEST_PAGE = 65_536;

interface Tree {
  depth: number;
  root: bigint;
}

interface Meta {
  pageSize: number;

  transaction: bigint;
  lastPage: number;
  /** The tree of free pages and the tree of the data. */
  trees: readonly Tree[];
}

/** Something about the file that says that it is not what was written; the message completes 'the database FILE …'. */
class Damage extends Error {}

/**
 * Checks that a database file is whole before LMDB maps it: what is missing or torn there would end the process with a
 * signal. A quick check reads the pages that lead to the data, about one in a hundred, and that all others are there; a full
 * one reads every page. An empty or missing file is a new database. The file must not change meanwhile.
 * @throws Error that names the file, what is wrong, and what to do.
 */
export function checkDatabaseFile(path: string, depth: 'quick' | 'full' = 'quick'): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const size = fstatSync(file).size;
    if (size > 0) checkPages(file, size, depth);
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    throw new Error(
      `the database ${path} ${error.message}; nothing was changed. Restore it from a snapshot ` +
        '(homeport snapshot restore FILE --force keeps the damaged one beside it), or move it away to start empty',
    );
  } finally {
    closeSync(file);
  }
}

function checkPages(file: number, size: number, depth: 'quick' | 'full'): void {
  const meta = newestMeta(file, size);
  const { pageSize, lastPage } = meta;
  const pages = Math.floor(size / pageSize);
  // Free pages at the end need not have been written: a shorter file is only wrong where something leads beyond it.
  const walk: Walk = { file, pageSize, pages, lastPage, leaves: depth === 'full' || pages <= lastPage, visited: 0 };
  for (const { root, depth: levels } of meta.trees) if (root !== NO_PAGE) walkTree(walk, Number(root), levels);
}

/** The newer of the two meta pages that is whole: commits write them by turns. */
function newestMeta(file: number, size: number): Meta {
  const first = size >= META_BYTES ? readMeta(file, 0) : undefined;
  const second =
    first && size >= first.pageSize + META_BYTES ? readMeta(file, first.pageSize) : scanForMeta(file, size);
  const [meta] = [first, second]
    .filter((one) => one !== undefined)
    .sort((a, b) => (a.transaction < b.transaction ? 1 : -1));
  if (meta) return meta;
  throw new Damage(
    size < META_BYTES
      ? `is cut off after ${size} bytes`
      : 'is not a database of this kind: its first pages have another mark',
  );
}

/** The second meta page when the first is torn, and with it what says how large pages are. */
function scanForMeta(file: number, size: number): Meta | undefined {
  for (let at = SMALLEST_PAGE; at <= LARGEST_PAGE && at + META_BYTES <= size; at *= 2) {
    const meta = readMeta(file, at);
    if (meta?.pageSize === at) return meta;
  }
  return undefined;
}

function readMeta(file: number, position: number): Meta | undefined {
  const page = Buffer.alloc(META_BYTES);
  readSync(file, page, 0, META_BYTES, position);
  if (page.readUInt32LE(24) !== MAGIC || page.readUInt32LE(28) !== DATA_VERSION) return undefined;
  const pageSize = page.readUInt32LE(48);
  const valid = pageSize >= SMALLEST_PAGE && pageSize <= LARGEST_PAGE && (pageSize & (pageSize - 1)) === 0;
  if (!valid) return undefined;
  const tree = (at: number): Tree => ({ depth: page.readUInt16LE(at + 6), root: page.readBigUInt64LE(at + 40) });
  return {
    pageSize,
    transaction: page.readBigUInt64LE(152),
    lastPage: Number(page.readBigUInt64LE(144)),
    trees: [tree(48), tree(96)],
  };
}

interface Walk {
  file: number;
  pageSize: number;
  /** How many whole pages the file has. */
  pages: number;
  lastPage: number;
  leaves: boolean;
  visited: number;
}

/** Follows a tree down to its leaves. */
function walkTree(walk: Walk, root: number, levels: number): void {
  const waiting = [{ page: root, level: 1 }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { page, level } = next;
    const isLeaf = level === levels;
    mustBeThere(walk, page, 1);
    if (isLeaf && !walk.leaves) continue;
    // More pages than there are: they lead round in a circle.
    if (++walk.visited > walk.lastPage) throw new Damage(`has a torn page: page ${page} is reached twice`);
    const bytes = readPage(walk, page, isLeaf ? LEAF : BRANCH);
    for (const node of nodesOf(bytes, page)) {
      if (!isLeaf) waiting.push({ page: childOf(bytes, node), level: level + 1 });
      else if (bytes.readUInt16LE(node + 4) & BIG) checkOverflow(walk, bytes, node, page);
    }
  }
}

function mustBeThere({ pages, pageSize, lastPage }: Walk, page: number, count: number): void {
  const last = page + count - 1;
  if (last > lastPage) throw new Damage(`has a torn page: something leads to page ${last} of ${lastPage}`);
  if (last < pages) return;
  throw new Damage(
    `is cut off: it ends after ${pages * pageSize} bytes, and page ${last} at byte ${last * pageSize} holds data`,
  );
}

function readPage({ file, pageSize }: Walk, page: number, kind: number): Buffer {
  const bytes = Buffer.allocUnsafe(pageSize);
  const got = readSync(file, bytes, 0, pageSize, page * pageSize);
  const isRight =
    got === pageSize && Number(bytes.readBigUInt64LE(0)) === page && (bytes.readUInt16LE(18) & kind) !== 0;
  if (!isRight)
    throw new Damage(`has a torn page: page ${page}, at byte ${page * pageSize}, is not what belongs there`);
  return bytes;
}

/** Where the nodes of a branch or leaf begin. */
function* nodesOf(bytes: Buffer, page: number): Iterable<number> {
  const lower = bytes.readUInt16LE(20);
  const upper = bytes.readUInt16LE(22);
  const torn = new Damage(`has a torn page: the nodes of page ${page} do not fit into it`);
  if (lower > upper || HEADER + upper > bytes.length) throw torn;
  for (let at = HEADER; at < HEADER + lower; at += 2) {
    const node = HEADER + bytes.readUInt16LE(at);
    if (node < HEADER + upper || node + 8 > bytes.length) throw torn;
    const end = node + 8 + bytes.readUInt16LE(node + 6);
    if (end > bytes.length) throw torn;
    yield node;
  }
}

const childOf = (bytes: Buffer, node: number): number =>
  bytes.readUInt32LE(node) + bytes.readUInt16LE(node + 4) * 2 ** 32;

/** A large value: the leaf says where it begins and how long it is. */
function checkOverflow(walk: Walk, bytes: Buffer, node: number, page: number): void {
  const pointer = node + 8 + bytes.readUInt16LE(node + 6);
  if (pointer + 8 > bytes.length) throw new Damage(`has a torn page: the nodes of page ${page} do not fit into it`);
  const start = Number(bytes.readBigUInt64LE(pointer));
  const count = Math.ceil((HEADER + bytes.readUInt32LE(node)) / walk.pageSize);
  mustBeThere(walk, start, count);
  readPage(walk, start, OVERFLOW);
}
