import { type KubeObject, notFound } from '../../machinery/index.ts';
import { selects } from '../cache/selection.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { Entry } from '../store/entry.ts';
import { selectionOf } from './query.ts';
import type { ApiRequest, Outcome } from './request.ts';

/** Answers a GET or LIST of component statuses, which are not stored: they are how the health checks go right now. */
export function componentStatuses(core: Core, registration: Registration, request: ApiRequest): Outcome {
  const components = [statusOf('etcd-0', core.store.failure)];
  if (request.info.verb === 'list') {
    const selection = selectionOf(request, registration);
    const entries = components.filter((entry) => selects(selection, entry));
    return { kind: 'list', registration, page: { entries, revision: core.store.revision } };
  }
  const entry = components.find(({ name }) => name === request.info.name);
  if (!entry) throw notFound({ ...registration.served, resource: 'componentstatus' }, request.info.name);
  return { kind: 'entry', code: 200, registration, entry };
}

function statusOf(name: string, failure: string | undefined): Entry {
  const condition = { type: 'Healthy', status: failure === undefined ? 'True' : 'False', message: failure ?? 'ok' };
  const status = { apiVersion: 'v1', kind: 'ComponentStatus', metadata: { name }, conditions: [condition] };
  return Entry.fromObject(status as unknown as KubeObject, 0);
}
