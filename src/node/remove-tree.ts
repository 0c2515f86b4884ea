import { rm } from 'node:fs/promises';
import { runTool } from './linux/shell.ts';

/**
 * Removes a file or folder with all that is in it. What a container wrote may be nested deeper than a path can name: rm(1)
 * goes through folder by folder.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await runTool('rm', ['-rf', '--', path]);
  }
}
