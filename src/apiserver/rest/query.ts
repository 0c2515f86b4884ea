import {
  ApiError,
  badRequest,
  type Fields,
  invalid,
  parseFieldSelector,
  parseLabelSelector,
  type StatusCause,
} from '../../machinery/index.ts';
import type { Selection } from '../cache/selection.ts';
import { flag } from '../flag.ts';
import type { Registration } from '../registry/registration.ts';
import type { ApiRequest } from './request.ts';
import { fieldReader, NAMES } from './selectable-fields.ts';

/** The options of a list or watch request (meta/v1 ListOptions). */
export interface ListQuery {
  selection: Selection;
  limit: number;
  continue: string | undefined;
  /** undefined when unset or empty. */
  resourceVersion: number | undefined;
  match: 'Exact' | 'NotOlderThan' | undefined;
  timeoutSeconds: number | undefined;
  allowWatchBookmarks: boolean;
  sendInitialEvents: boolean | undefined;
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d{1,15}$/.test(value)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  }
  return Number(value);
}

/** 422 for list options that contradict each other. */
function invalidOptions(causes: readonly StatusCause[]): ApiError {
  return invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
}

/** @throws Error in Go's words, which lists answer with 400 and all else, as upstream, with 500. */
export function parseResourceVersion(text: string, listing: boolean): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const quoted = JSON.stringify(text);
  const message = `resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`;
  throw listing ? badRequest(`invalid resource version: ${message}`) : new ApiError(500, '', message);
}

interface Versioning {
  watching: boolean;
  resourceVersion: string | undefined;
  match: string | undefined;
  sendInitialEvents: boolean | undefined;
  continueToken: string | undefined;
}

/** What contradicts itself in the options that say as of when to list or watch (apimachinery's ValidateListOptions). */
function versioningErrors(options: Versioning): StatusCause[] {
  const { watching, resourceVersion, match, sendInitialEvents, continueToken } = options;
  const field = 'resourceVersionMatch';
  const causes: StatusCause[] = [];
  const forbid = (why: string): void => {
    causes.push({ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field });
  };
  if (match !== undefined) {
    if (watching && sendInitialEvents === undefined) {
      forbid('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    }
    if (!watching && resourceVersion === undefined) {
      forbid('resourceVersionMatch is forbidden unless resourceVersion is provided');
    }
    if (continueToken) forbid('resourceVersionMatch is forbidden when continue is provided');
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      const message = `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`;
      causes.push({ reason: 'FieldValueNotSupported', message, field });
    }
    if (match === 'Exact' && resourceVersion === '0') {
      forbid('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
  }
  if (watching && match === undefined && continueToken) {
    forbid('resourceVersionMatch is forbidden when continue is provided');
  }
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    forbid('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  return causes;
}

/** Reads the options of a list or watch. Throws ApiError 400 or 422. */
export function listQuery(request: ApiRequest, registration: Registration): ListQuery {
  const { query, info } = request;
  const resourceVersion = query.get('resourceVersion') || undefined;
  const match = query.get('resourceVersionMatch') || undefined;
  const sendInitialEvents = flag(query, 'sendInitialEvents');
  const continueToken = query.get('continue') || undefined;
  const watching = info.verb === 'watch';
  const causes = versioningErrors({ watching, resourceVersion, match, sendInitialEvents, continueToken });
  if (causes.length > 0) throw invalidOptions(causes);
  if (continueToken && resourceVersion && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return {
    selection: selectionOf(request, registration),
    // As upstream's watch cache, which a list at revision 0 is always answered from.
    limit: resourceVersion === '0' ? 0 : Math.max(0, integer(query, 'limit') ?? 0),
    continue: continueToken,
    resourceVersion: resourceVersion === undefined ? undefined : parseResourceVersion(resourceVersion, !watching),
    match: match as ListQuery['match'],
    timeoutSeconds: integer(query, 'timeoutSeconds'),
    allowWatchBookmarks: flag(query, 'allowWatchBookmarks') ?? false,
    sendInitialEvents,
  };
}

/** The objects that the path and the selectors of a request name. */
export function selectionOf(request: ApiRequest, registration: Registration): Selection {
  const { info, query } = request;
  const { served } = registration;
  const selection: Selection = {};
  if (served.namespaced && info.namespace) selection.namespace = info.namespace;
  if (!served.namespaced) selection.namespace = '';
  if (info.name) selection.name = info.name;
  const labels = query.get('labelSelector');
  if (labels) selection.labels = parseLabelSelector(labels);
  const fields = query.get('fieldSelector');
  if (fields) {
    const required = parseFieldSelector(fields);
    selection.fields = required.map(({ field, ...test }) => ({ ...test, read: fieldReader(registration, field) }));
    const isConverted = required.some(({ field }) => !NAMES.includes(field));
    if (isConverted && registration.prepare) selection.prepare = registration.prepare;
  }
  return selection;
}

/** The options that create, update and patch share. */
export interface WriteQuery {
  dryRun: boolean;
  fieldManager: string;
  fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  force: boolean;
  /** The options as an object, as admission is shown them. */
  options: Fields;
}

export type OptionsKind = 'CreateOptions' | 'DeleteOptions' | 'PatchOptions' | 'UpdateOptions';

/** Reads the options of a write. Throws ApiError 422 for unknown values, worded as upstream. */
export function writeQuery(request: ApiRequest, kind: OptionsKind): WriteQuery {
  const { query } = request;
  const bad = (field: string, message: string, reason: string): ApiError =>
    new ApiError(422, 'Invalid', `${kind}.meta.k8s.io "" is invalid: ${field}: ${message}`, {
      group: 'meta.k8s.io',
      kind,
      causes: [{ reason, message, field }],
    });
  const dryRun = query.getAll('dryRun').filter(Boolean);
  if (dryRun.some((value) => value !== 'All')) {
    throw bad(
      'dryRun',
      `Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`,
      'FieldValueNotSupported',
    );
  }
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (fieldValidation !== 'Ignore' && fieldValidation !== 'Warn' && fieldValidation !== 'Strict') {
    const message = `Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "Ignore", "Strict", "Warn"`;
    throw bad('fieldValidation', message, 'FieldValueNotSupported');
  }
  const fieldManager = query.get('fieldManager') ?? '';
  if (fieldManager.length > 128) {
    throw bad('fieldManager', 'Too long: may not be more than 128 bytes', 'FieldValueTooLong');
  }
  const apply = request.contentType === 'application/apply-patch+yaml';
  if (apply && fieldManager === '') {
    throw bad('fieldManager', 'Required value: is required for apply patch', 'FieldValueRequired');
  }
  const force = flag(query, 'force');
  if (force !== undefined && !apply) {
    throw bad('force', 'Forbidden: may not be specified for non-apply patch', 'FieldValueForbidden');
  }
  return {
    dryRun: dryRun.length > 0,
    fieldManager: fieldManager || (request.userAgent.split('/')[0] ?? '').slice(0, 128) || 'unknown',
    fieldValidation,
    force: force ?? false,
    options: {
      kind,
      apiVersion: 'meta.k8s.io/v1',
      ...(dryRun.length > 0 ? { dryRun } : {}),
      ...(force === undefined ? {} : { force }),
      ...(fieldManager === '' ? {} : { fieldManager }),
      ...(query.get('fieldValidation') ? { fieldValidation } : {}),
    },
  };
}
