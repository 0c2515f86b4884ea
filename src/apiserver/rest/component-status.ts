import { type KubeObject, notFound } from '../../machinery/index.ts';
import { Entry } from '../store/entry.ts';
import type { Store } from '../store/store.ts';
import type { Computed } from './computed.ts';

/** Component statuses are not stored: they are how the health checks go right now. */
export function componentStatuses(store: Store): Computed {
  return {
    entries: () => [statusOf('etcd-0', store.failure)],
    missing: (_, name) => notFound({ group: '', resource: 'componentstatus' }, name),
  };
}

function statusOf(name: string, failure: string | undefined): Entry {
  const condition = { type: 'Healthy', status: failure === undefined ? 'True' : 'False', message: failure ?? 'ok' };
  const status = { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name }, conditions: [condition] };
  return Entry.fromObject(status as unknown as KubeObject, 0);
}
