import { remember } from './remember.ts';

/** Tells when so many different messages came for the same reason that one Event has to stand for all further ones. */
export interface SimilarEvents {
  /** Notes a message of a kind. True if it is one too many to become an Event of its own. */
  isOneTooMany(kind: string, message: string, at: number): boolean;
}

/** Different messages that are still told apart, and milliseconds of silence after which it begins anew (client-go's EventAggregator). */
const most = 10;
const interval = 600_000;

/** @param limit how many kinds are remembered; the oldest are forgotten first. */
export function createSimilarEvents(limit: number): SimilarEvents {
  const kinds = new Map<string, { messages: Set<string>; last: number }>();
  return {
    isOneTooMany(kind, message, at) {
      const known = kinds.get(kind);
      const similar = known && at - known.last <= interval ? known : { messages: new Set<string>(), last: at };
      similar.last = at;
      remember(kinds, kind, similar, limit);
      similar.messages.add(message);
      if (similar.messages.size < most) return false;
      // It stays at the limit: whatever comes next is one too many again.
      for (const oldest of similar.messages) {
        similar.messages.delete(oldest);
        break;
      }
      return true;
    },
  };
}
