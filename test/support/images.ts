import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestHomeport } from './homeport.ts';
import { root } from './tools.ts';

/** Builds an image of examples/silly-demo. Throws if that fails. */
export function buildDemoImage(homeport: TestHomeport, tag: string): Promise<void> {
  return build(homeport, join(root, 'examples', 'silly-demo'), tag);
}

/** Builds an image with nothing in it: its containers run the programs of this machine. Throws if that fails. */
export async function buildEmptyImage(homeport: TestHomeport, tag: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-image-'));
  try {
    writeFileSync(join(folder, 'index.js'), 'setInterval(() => {}, 1000);\n');
    await build(homeport, folder, tag);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function build(homeport: TestHomeport, folder: string, tag: string): Promise<void> {
  const built = await homeport.homeport(['image', 'build', folder, '-t', tag]);
  if (built.code !== 0) throw new Error(built.stderr);
}
