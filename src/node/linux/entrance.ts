import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerSpec } from '../runtime.ts';
import { enterImage } from './enter-image.ts';
import { entrances, hasOwnRoot, imageRoot } from './setup-script.ts';

/** Where a program lies that leads into an image with a root of its own: on the host, and as the container's first root has it. */
export interface Entrance {
  path: string;
  seen: string;
}

/** Writes the program that leads to a command; undefined for an image without a root of its own. */
export function writeEntrance(
  folder: string,
  spec: Omit<ContainerSpec, 'output'>,
  command: readonly string[],
  name: string,
): Entrance | undefined {
  if (!hasOwnRoot(spec)) return undefined;
  const path = join(folder, 'enter', name);
  // At once: a process that is started meanwhile would inherit the open file, and what is being written cannot be run.
  writeFileSync(path, enterImage({ ...spec, root: imageRoot, program: command[0] ?? '' }), { mode: 0o755, flag: 'wx' });
  return { path, seen: `${entrances}/${name}` };
}
