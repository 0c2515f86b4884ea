import { lstat, mkdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** An unpacked image's folder, in which paths mean what they mean to a program of the image: nothing leads out of it. */
export interface ImageFolder {
  readonly folder: string;
  /**
   * The real place of a folder, links on the way followed within the image.
   * @param missing is called for each folder on the way that is not there, before it is made with mode 0755
   * @throws Error when something on the way is neither folder nor link.
   */
  enter(parts: readonly string[], missing?: (path: string) => void): Promise<string>;
  /** Something was put in the place of something else: what was known about paths may be wrong. */
  forget(): void;
}

/** As many links as the kernel follows. */
const mostLinks = 40;

export function openImageFolder(folder: string): ImageFolder {
  /** Folders that are real ones, as far up as `folder`. Nobody else writes there. */
  const real = new Set<string>();
  return {
    folder,
    forget: () => real.clear(),
    async enter(parts, missing) {
      let at: string[] = [];
      const rest = steps(parts);
      for (let links = 0; rest.length > 0; ) {
        const part = rest.pop() ?? '';
        if (part === '..') {
          at.pop();
          continue;
        }
        const path = join(folder, ...at, part);
        if (!real.has(path)) {
          const target = await linkAt(path, missing);
          if (target !== undefined) {
            if (++links > mostLinks) throw new Error('the way to it goes through too many links');
            if (target.startsWith('/')) at = [];
            rest.push(...steps(target.split('/')));
            continue;
          }
          real.add(path);
        }
        at.push(part);
      }
      return join(folder, ...at);
    },
  };
}

/** The steps of a path, the first one last. */
const steps = (parts: readonly string[]) => parts.filter((part) => part !== '' && part !== '.').reverse();

/** Where the link at a path leads; undefined for a folder, which is made when nothing is there. */
async function linkAt(path: string, missing: ((path: string) => void) | undefined): Promise<string | undefined> {
  const found = await statOf(path);
  if (found?.isSymbolicLink()) return readlink(path);
  if (found?.isDirectory()) return undefined;
  if (found) throw new Error('a parent of it is not a folder');
  missing?.(path);
  await mkdir(path, { mode: 0o755 });
  return undefined;
}

/** What is at a path itself, or undefined. */
export async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
