import type { ApiError } from '../../machinery/index.ts';
import { type Selection, selects } from '../cache/selection.ts';
import type { Registration } from '../registry/registration.ts';
import type { Entry } from '../store/entry.ts';
import { selectionOf } from './query.ts';
import type { ApiRequest, Outcome } from './request.ts';

/** Objects of a resource that are not stored but true at the moment. */
export interface Computed {
  /** Works out those that are selected; it may give more. */
  entries(selection: Selection): readonly Entry[] | Promise<readonly Entry[]>;
  /** The 404 for one that is not among them. */
  missing(namespace: string, name: string): ApiError;
}

/**
 * Answers a GET or LIST of what is worked out when somebody asks.
 * @param revision the newest one.
 */
export async function answerComputed(
  computed: Computed,
  registration: Registration,
  request: ApiRequest,
  revision: number,
): Promise<Outcome> {
  const selection = selectionOf(request, registration);
  const entries = (await computed.entries(selection)).filter((entry) => selects(selection, entry));
  const { verb, namespace, name } = request.info;
  if (verb === 'list') return { kind: 'list', registration, page: { entries, revision } };
  const [entry] = entries;
  if (!entry) throw computed.missing(namespace, name);
  return { kind: 'entry', code: 200, registration, entry };
}
