import { ApiError, isReason } from '../machinery/index.ts';

/** A create was refused because its namespace is going away: nothing can be created there, and nothing needs to be. */
export function isNamespaceTerminating(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false;
}

/** For writes to an object that may be deleted meanwhile, after which there is nothing left to write. */
export async function ignoringAbsence(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error;
  }
}
