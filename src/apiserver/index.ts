export { writePrivateFile } from './auth/private-file.ts';
export type { ObjectReader, UserInfo } from './contracts.ts';
export type { ApiServer, ApiServerOptions } from './options.ts';
export { startApiServer } from './server.ts';
export { checkDatabase, restoreSnapshot, saveSnapshot, snapshotStatus } from './store/snapshot.ts';
export { openSecrets } from './store/stopped.ts';
