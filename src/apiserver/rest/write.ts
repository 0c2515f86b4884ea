import type { Fields } from '../../machinery/index.ts';
import type { AdmissionRequest, Flight } from '../admission/request.ts';
import type { Core } from '../core.ts';
import type { Registration } from '../registry/registration.ts';
import { type OptionsKind, type WriteQuery, writeQuery } from './query.ts';
import type { ApiRequest } from './request.ts';

/** One write on its way: decode → default → own fields → admit → validate → store. */
export interface Write {
  readonly core: Core;
  readonly registration: Registration;
  readonly request: ApiRequest;
  readonly query: WriteQuery;
  readonly dryRun: boolean;
  readonly flight: Flight;
}

/** A write as its request asks for it. Throws ApiError 422 for options that there are not. */
export function beginWrite(core: Core, registration: Registration, request: ApiRequest, kind: OptionsKind): Write {
  const query = writeQuery(request, kind);
  return { core, registration, request, query, dryRun: query.dryRun, flight: { over: false } };
}

/** What admission is asked about a write, but for its subject. */
type Question = Pick<AdmissionRequest, 'operation' | 'object' | 'old'> & Partial<AdmissionRequest>;

/** The question to admission about (a part of) a write. */
export function admissionRequest(write: Write, question: Question): AdmissionRequest {
  const { registration, request, query, dryRun, flight } = write;
  return {
    registration,
    user: request.user,
    name: request.info.name,
    namespace: registration.served.namespaced ? request.info.namespace : '',
    options: optionsFor(query.options, question.operation),
    dryRun,
    flight,
    warn: request.warn,
    annotate: request.annotate,
    ...question,
  };
}

/** A patch is an update or a create to admission, and its options are those of one. */
function optionsFor({ force: _, ...options }: Fields, operation: AdmissionRequest['operation']): Fields {
  if (options['kind'] !== 'PatchOptions') return options;
  return { ...options, kind: operation === 'CREATE' ? 'CreateOptions' : 'UpdateOptions' };
}
