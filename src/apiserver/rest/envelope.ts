import type { Page } from '../cache/list.ts';
import type { WatchItem } from '../cache/watch.ts';
import type { Registration } from '../registry/registration.ts';

interface ListHead {
  kind: string;
  apiVersion: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

/** What stands before the items of a list. */
export function listHead({ served, apiVersion }: Registration, page: Page): ListHead {
  return {
    kind: `${served.kind}List`,
    apiVersion,
    metadata: listMeta(page),
  };
}

/** meta/v1 ListMeta of a page. */
export function listMeta(page: Page): ListHead['metadata'] {
  return {
    resourceVersion: String(page.revision),
    ...(page.continue === undefined ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
}

/** The object of a bookmark event: nothing but how far the watch has come. */
export function bookmarkObject(
  apiVersion: string,
  kind: string,
  item: WatchItem & { type: 'BOOKMARK' },
): Record<string, unknown> {
  const annotations = item.initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return { kind, apiVersion, metadata: { resourceVersion: String(item.revision), ...annotations } };
}
