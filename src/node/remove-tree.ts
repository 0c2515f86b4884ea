import { rm } from 'node:fs/promises';
import { runTool } from './linux/shell.ts';
import { mountPointsBelow } from './mount-points.ts';

/**
 * Removes a file or folder with all that is in it. What a container wrote may be nested deeper than a path can name: rm(1)
 * goes through folder by folder. What is mounted in it is taken off first, because it may be a volume that lives on.
 */
export async function removeTree(path: string): Promise<void> {
  for (const point of await mountPointsBelow(path)) await runTool('umount', ['-l', '--', point]);
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await runTool('rm', ['-rf', '--', path]);
  }
}
