import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findTool } from '../detect.ts';

/**
 * Makes the root of a whole little system of this machine's programs and the libraries that they need, as an image without
 * a base brings it. @returns the paths of all files in it
 */
export async function makeRoot(folder: string, programs: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const program of programs) {
    const found = program.startsWith('/') ? program : await findTool(program);
    if (found === undefined) throw new Error(`${program} is not on this machine`);
    add(folder, found, `/bin/${program.slice(program.lastIndexOf('/') + 1)}`, files);
    for (const library of await librariesOf(found)) add(folder, library, library, files);
  }
  for (const name of ['etc', 'tmp', 'proc', 'dev', 'root']) mkdirSync(join(folder, name), { recursive: true });
  return [...files];
}

function add(folder: string, from: string, to: string, files: Set<string>): void {
  if (files.has(to)) return;
  files.add(to);
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  copyFileSync(realpathSync(from), join(folder, to));
}

/** What the loader says that it would load: glibc's and musl's ldd write the same. */
async function librariesOf(program: string): Promise<string[]> {
  const listed = execFileSync((await findTool('ldd')) ?? 'ldd', [program], { encoding: 'utf8' });
  return [...listed.matchAll(/(?:=> |^\s*)(\/\S+)/gm)].map(([, path = '']) => path);
}
