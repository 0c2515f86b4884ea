import { join, resolve } from 'node:path';
import { type ImageStore, openImageStore } from '../../registry/index.ts';

/** The image store of a data directory. */
export const storeOf = (data: string): Promise<ImageStore> => openImageStore(join(resolve(data), 'images'));
