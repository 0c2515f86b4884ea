import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestHomeport } from './homeport.ts';

/** Builds an image with nothing in it: its containers run the programs of this machine. */
export async function buildEmptyImage(homeport: TestHomeport, tag: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'homeport-image-'));
  try {
    writeFileSync(join(folder, 'index.js'), 'setInterval(() => {}, 1000);\n');
    const built = await homeport.homeport(['image', 'build', folder, '-t', tag]);
    if (built.code !== 0) throw new Error(built.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
