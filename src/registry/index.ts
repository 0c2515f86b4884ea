export { type BuildImageOptions, buildImage } from './build.ts';
export { createPuller, type Puller } from './pull.ts';
export { type ImageStore, openImageStore, type StoredImage } from './store.ts';
