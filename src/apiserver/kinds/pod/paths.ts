import { invalidValue, type StatusCause } from '../../../machinery/index.ts';

/** A path without a step back. */
export function noBackstepErrors(target: string, path: string): StatusCause[] {
  return target.split('/').includes('..') ? [invalidValue(path, target, "must not contain '..'")] : [];
}

/** A path that stays below where it is put. */
export function descendingPathErrors(target: string, path: string): StatusCause[] {
  const absolute = target.startsWith('/') ? [invalidValue(path, target, 'must be a relative path')] : [];
  return [...absolute, ...noBackstepErrors(target, path)];
}

/** The path of a file that is projected into a volume: names that begin with '..' are the volume's own. */
export function projectedPathErrors(target: string, path: string): StatusCause[] {
  const errors = descendingPathErrors(target, path);
  if (target.startsWith('..') && !target.startsWith('../')) {
    errors.push(invalidValue(path, target, "must not start with '..'"));
  }
  return errors;
}
