export { type BuildImageOptions, buildImage } from './build.ts';
export { type ImageStore, openImageStore, type StoredImage } from './store.ts';
