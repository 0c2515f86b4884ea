import type { Database } from 'lmdb';
import { ApiError } from '../../machinery/index.ts';

/** 500 in etcd's words, which clients know, and then what to do. */
export function spaceExceeded(why: string): ApiError {
  return new ApiError(500, '', `etcdserver: mvcc: database space exceeded: ${why}`);
}

export interface Quota {
  readonly full: boolean;
  size(): { used: number; allocated: number };
  /** Told how many bytes of objects were stored. */
  wrote(bytes: number): void;
  /** Looks at once, as after something was removed. */
  measure(): void;
}

/** What may be written between two looks at how much is in use, as a part of the quota. */
const PART = 100;

/**
 * Keeps count of the pages in use against a quota in bytes (0 or less: none). Pages that were freed do not count: they are
 * used again.
 */
export function createQuota(db: Database<Buffer, string>, quota: number): Quota {
  let unmeasured = 0;
  let full = false;

  function size(): { used: number; allocated: number } {
    const { pageSize, lastPageNumber, root, free } = db.getStats() as Stats;
    const pages = [root, free].reduce(
      (sum, tree) => sum + tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages,
      0,
    );
    return { used: pages * pageSize, allocated: (lastPageNumber + 1) * pageSize };
  }

  function measure(): void {
    unmeasured = 0;
    full = quota > 0 && size().used > quota;
  }

  measure();
  return {
    get full() {
      return full;
    },
    size,
    wrote(bytes) {
      unmeasured += bytes;
      if (full || unmeasured > quota / PART) measure();
    },
    measure,
  };
}

interface Pages {
  treeBranchPageCount: number;
  treeLeafPageCount: number;
  overflowPages: number;
}

/** What the library tells of a database; its own types leave it open. */
interface Stats {
  pageSize: number;
  lastPageNumber: number;
  root: Pages;
  free: Pages;
}
