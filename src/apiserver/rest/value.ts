import { ApiError } from '../../machinery/index.ts';
import { listHead } from './envelope.ts';
import type { Outcome } from './request.ts';

/** An answer as a JSON value. Objects in it are the cache's own. Throws ApiError 400 for a watch, which is none. */
export function toValue(outcome: Outcome): unknown {
  switch (outcome.kind) {
    case 'entry':
      return outcome.entry.object;
    case 'value':
      return outcome.value;
    case 'list': {
      const { registration, page } = outcome;
      return { ...listHead(registration, page), items: page.entries.map((entry) => registration.view(entry).object) };
    }
    case 'watch':
      throw new ApiError(400, 'BadRequest', 'a watch must be made with Transport.watch');
  }
}
