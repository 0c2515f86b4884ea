import { ApiError } from '../machinery/index.ts';

/** What the codes of system errors mean to the person at the terminal. */
const meanings: Partial<Record<string, string>> = {
  EACCES: 'you may not',
  EPERM: 'you may not',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'your share of the disk is used up',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of that path is a file, not a folder',
  EEXIST: 'it is a file, not a folder',
  EISDIR: 'it is a folder, not a file',
  EADDRINUSE: 'that address and port are taken',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host is known',
  ECONNREFUSED: 'nothing answers there',
};

/** A system error in words, or its own where there are none for it. */
export function meaningOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return meanings[code ?? ''] ?? message ?? String(error);
}

/** What a person should read about an error; a stack only for what is our own bug. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return `the API server answered: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== undefined && meanings[code] !== undefined) {
    const { address, hostname, port } = error as { address?: string; hostname?: string; port?: number };
    const where = path ?? hostname ?? (port === undefined ? address : `${address}:${port}`);
    return `${where === undefined ? '' : `${where}: `}${meanings[code]} (${code}, ${syscall})`;
  }
  const programming = error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  return programming ? (error.stack ?? error.message) : error.message;
}
