import type { SecretKeeping } from './backend.ts';
import { lmdbBackend } from './lmdb.ts';
import { databaseFolder, finishRestore, mustHoldDatabase } from './snapshot.ts';

/**
 * Opens the keys of Secrets of a data folder that no server is using: the caller must hold its lock.
 * @throws Error when there is no database, or it is not whole.
 */
export function openSecrets(dataDir: string): { secrets: SecretKeeping; close(): Promise<void> } {
  finishRestore(dataDir);
  mustHoldDatabase(dataDir);
  const { secrets, close } = lmdbBackend(databaseFolder(dataDir));
  return { secrets, close };
}
