import { badRequest } from '../../machinery/index.ts';
import type { Page } from '../cache/list.ts';
import type { Registration } from '../registry/registration.ts';
import { listMeta } from '../rest/envelope.ts';
import type { Entry } from '../store/entry.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** Which part of each object a Table carries. Throws ApiError 400. */
export function includeObject(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') || 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** A part of an answer: text, or bytes that are sent as they are. */
export type Piece = string | Buffer;

const CLOSE = '}';

/** meta.k8s.io PartialObjectMetadata of an object, as JSON: its metadata is a part of the stored bytes. */
export function partialMetadata(entry: Entry, version: string): Piece[] {
  const head = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${version}","metadata":`;
  return [head, entry.metadata, CLOSE];
}

function row(registration: Registration, entry: Entry, include: IncludeObject, version: string): Piece[] {
  const cells = JSON.stringify(registration.served.printer.cells(entry.object, Date.now()));
  if (include === 'None') return [`{"cells":${cells}}`];
  const object = include === 'Object' ? [entry.bytes] : partialMetadata(entry, version);
  return [`{"cells":${cells},"object":`, ...object, CLOSE];
}

/** A Table's text before its rows; `columns` false leaves out their definitions, as later events of a watch do. */
export function tableHead(registration: Registration, metadata: object, version: string, columns: boolean): string {
  const definitions = JSON.stringify(columns ? registration.served.printer.columns : null);
  return `{"kind":"Table","apiVersion":"meta.k8s.io/${version}","metadata":${JSON.stringify(metadata)},"columnDefinitions":${definitions},"rows":[`;
}

/** The Table of one object. */
export function tableOf(
  registration: Registration,
  entry: Entry,
  include: IncludeObject,
  version: string,
  columns: boolean,
): Piece[] {
  const metadata = { resourceVersion: entry.object.metadata.resourceVersion };
  const head = tableHead(registration, metadata, version, columns);
  return [head, ...row(registration, entry, include, version), ']}'];
}

/** The rows of a list as a Table, in pieces. */
export function* tableList(
  registration: Registration,
  page: Page,
  include: IncludeObject,
  version: string,
): Iterable<Piece> {
  yield tableHead(registration, listMeta(page), version, true);
  const { order } = registration.served.printer;
  const entries = order ? [...page.entries].sort((a, b) => order(a.object, b.object)) : page.entries;
  let first = true;
  for (const entry of entries) {
    if (!first) yield ',';
    yield* row(registration, registration.view(entry), include, version);
    first = false;
  }
  yield ']}\n';
}

/** The metadata of a list's objects as a PartialObjectMetadataList, in pieces. */
export function* metadataList(registration: Registration, page: Page, version: string): Iterable<Piece> {
  const head = JSON.stringify(listMeta(page));
  yield `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/${version}","metadata":${head},"items":[`;
  let first = true;
  for (const entry of page.entries) {
    if (!first) yield ',';
    yield* partialMetadata(registration.view(entry), version);
    first = false;
  }
  yield ']}\n';
}

/** A list, in pieces: the items are the stored bytes. */
export function* objectList(head: object, registration: Registration, page: Page): Iterable<Piece> {
  yield `${JSON.stringify(head).slice(0, -1)},"items":[`;
  let first = true;
  for (const entry of page.entries) {
    if (!first) yield ',';
    yield registration.view(entry).bytes;
    first = false;
  }
  yield ']}\n';
}
