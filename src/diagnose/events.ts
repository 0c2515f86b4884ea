import type { KubeObject } from '../machinery/index.ts';
import { textAt } from './status.ts';
import type { ObjectSource } from './types.ts';

export interface Happening {
  reason: string;
  message: string;
  /** When it was first seen, RFC 3339. */
  since: string | undefined;
  last: number;
}

/** Events of certain reasons about an object, the most recent first. */
export async function eventsAbout(
  object: KubeObject,
  source: ObjectSource,
  reasons: readonly string[],
): Promise<Happening[]> {
  const events = await source.events(object);
  return events
    .map((event) => ({
      reason: textAt(event, ['reason']) ?? '',
      message: textAt(event, ['message']) ?? textAt(event, ['note']) ?? '',
      since: textAt(event, ['firstTimestamp']) ?? textAt(event, ['eventTime']) ?? event.metadata.creationTimestamp,
      last: Date.parse(
        textAt(event, ['lastTimestamp']) ??
          textAt(event, ['series', 'lastObservedTime']) ??
          textAt(event, ['eventTime']) ??
          event.metadata.creationTimestamp ??
          '',
      ),
    }))
    .filter((event) => reasons.includes(event.reason))
    .sort((a, b) => (b.last || 0) - (a.last || 0));
}
