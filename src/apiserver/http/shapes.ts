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

/** meta.k8s.io PartialObjectMetadata of an object, as JSON text. */
export function partialMetadata(entry: Entry, version: string): string {
  return `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/${version}","metadata":${JSON.stringify(entry.object.metadata)}}`;
}

function row(registration: Registration, entry: Entry, include: IncludeObject, version: string): string {
  const cells = JSON.stringify(registration.served.printer.cells(entry.object, Date.now()));
  if (include === 'None') return `{"cells":${cells}}`;
  const object = include === 'Object' ? entry.bytes.toString('utf8') : partialMetadata(entry, version);
  return `{"cells":${cells},"object":${object}}`;
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
): string {
  const metadata = { resourceVersion: entry.object.metadata.resourceVersion };
  return `${tableHead(registration, metadata, version, columns)}${row(registration, entry, include, version)}]}`;
}

/** The rows of a list as a Table, in pieces. */
export function* tableList(
  registration: Registration,
  page: Page,
  include: IncludeObject,
  version: string,
): Iterable<Buffer> {
  yield Buffer.from(tableHead(registration, listMeta(page), version, true));
  let first = true;
  for (const entry of page.entries) {
    yield Buffer.from((first ? '' : ',') + row(registration, registration.view(entry), include, version));
    first = false;
  }
  yield Buffer.from(']}\n');
}

/** The metadata of a list's objects as a PartialObjectMetadataList, in pieces. */
export function* metadataList(registration: Registration, page: Page, version: string): Iterable<Buffer> {
  const head = JSON.stringify(listMeta(page));
  yield Buffer.from(
    `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/${version}","metadata":${head},"items":[`,
  );
  let first = true;
  for (const entry of page.entries) {
    yield Buffer.from((first ? '' : ',') + partialMetadata(registration.view(entry), version));
    first = false;
  }
  yield Buffer.from(']}\n');
}

const COMMA = Buffer.from(',');

/** A list, in pieces: the items are the stored bytes. */
export function* objectList(head: object, registration: Registration, page: Page): Iterable<Buffer> {
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  let first = true;
  for (const entry of page.entries) {
    if (!first) yield COMMA;
    yield registration.view(entry).bytes;
    first = false;
  }
  yield Buffer.from(']}\n');
}
