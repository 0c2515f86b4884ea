import type { ServerResponse } from 'node:http';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Core } from '../core.ts';
import type { FlowControl, Seat } from '../flow/flow-control.ts';
import { isLongRunning } from './deadline.ts';

/** A list takes a seat for so many objects, and so many seats at most (upstream's estimates). */
const OBJECTS_A_SEAT = 100;
const MOST_SEATS = 10;

/** What a request costs, in seats: a list by the objects that it may look at. */
function costOf({ store, registry }: Core, info: RequestInfo, query: URLSearchParams): number {
  if (info.verb !== 'list') return 1;
  const registration = registry.find(info.group, info.version, info.resource);
  if (!registration || registration.served.virtual) return 1;
  const { size } = store.cache(registration.storage).entries;
  const limit = Number(query.get('limit') ?? 0);
  const objects = limit > 0 ? Math.min(limit, size) : size;
  return Math.min(MOST_SEATS, Math.max(1, Math.ceil(objects / OBJECTS_A_SEAT)));
}

/**
 * Finds a request its seat, and says in the answer's head where it was sorted to.
 * @returns undefined for streams: they last as long as their clients like, and take no part.
 * @throws ApiError 429.
 */
export function takeSeat(
  { core, flow }: { core: Core; flow: FlowControl },
  visit: { info: RequestInfo; query: URLSearchParams },
  user: UserInfo,
  response: ServerResponse,
): Seat | Promise<Seat> | undefined {
  const { info, query } = visit;
  if (isLongRunning(info) && info.verb !== 'watch') return undefined;
  const { schema, level, seat } = flow.admit(user, info, costOf(core, info, query), (leave) =>
    response.on('close', leave),
  );
  // Known only where the objects are.
  if (schema.uid !== '') response.setHeader('x-kubernetes-pf-flowschema-uid', schema.uid);
  if (level.spec.uid !== '') response.setHeader('x-kubernetes-pf-prioritylevel-uid', level.spec.uid);
  return seat();
}
