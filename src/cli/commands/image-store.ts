import { join, resolve } from 'node:path';
import type { ImageStore } from '../../registry/index.ts';

/** What deals with images; loaded by the commands that do, when they run. */
export const registry = () => import('../../registry/index.ts');

/** The image store of a data directory. */
export async function storeOf(data: string): Promise<ImageStore> {
  const { openImageStore } = await registry();
  return openImageStore(join(resolve(data), 'images'));
}
