import { ApiError } from '../../machinery/index.ts';

/** 401, with no word about what was wrong: that would help whoever is guessing. */
export function unauthorized(): ApiError {
  return new ApiError(401, 'Unauthorized', 'Unauthorized');
}
