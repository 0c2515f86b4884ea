export { type BuildImageOptions, buildImage } from './build.ts';
export { createPuller, type Puller } from './pull.ts';
export { pushImage } from './push.ts';
export type { BlobProgress } from './remote/fetch-image.ts';
export { type RegistryServer, startRegistry } from './server/registry-server.ts';
export { type ImageStore, openImageStore, type StoredImage } from './store.ts';
