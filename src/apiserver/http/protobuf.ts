import { encodeProtobuf, encodeProtobufItem, encodeProtobufList, protobufTypeOf } from '../../machinery/index.ts';
import type { Registration } from '../registry/registration.ts';
import { listHead, listMeta } from '../rest/envelope.ts';
import type { Outcome } from '../rest/request.ts';
import type { Entry } from '../store/entry.ts';
import type { Shape } from './negotiate.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';
export const PROTOBUF_WATCH = `${PROTOBUF};stream=watch`;

const PARTIAL = 'PartialObjectMetadata';

export { encodeProtobufEvent as protobufEvent } from '../../machinery/index.ts';

/** An object of a built-in kind, a review or a Status. */
export function protobufOf(value: object): Buffer {
  const { apiVersion, kind } = value as { apiVersion: string; kind: string };
  const type = protobufTypeOf(apiVersion, kind);
  if (type === undefined) throw new Error(`${kind} of ${apiVersion} has no protobuf message`);
  return encodeProtobuf(value, type);
}

/** An object, or its metadata alone, as an entry of a version has it. */
export function protobufEntry(entry: Entry, shape: Shape, version: string): Buffer {
  return protobufOf(shape === 'metadata' ? partial(entry, version) : entry.object);
}

/** Objects of a list that are encoded before others have their turn. */
const BATCH = 200;

/** A list, in pieces. Its length comes before its items, so that all of these are encoded before the first is sent. */
export async function protobufList(
  { registration, page }: Outcome & { kind: 'list' },
  shape: Shape,
  version: string,
): Promise<Iterable<Buffer>> {
  const partial = shape === 'metadata';
  const type = partial ? PARTIAL_TYPE : itemTypeOf(registration);
  const items: Buffer[] = [];
  for (const entry of page.entries) {
    items.push(encodeProtobufItem(registration.view(entry).object, type));
    if (items.length % BATCH === 0) await new Promise(setImmediate);
  }
  const head = partial
    ? { apiVersion: `meta.k8s.io/${version}`, kind: `${PARTIAL}List`, metadata: listMeta(page) }
    : listHead(registration, page);
  return encodeProtobufList(head, items);
}

const PARTIAL_TYPE = 'meta.v1.PartialObjectMetadata';

function partial(entry: Entry, version: string): object {
  return { apiVersion: `meta.k8s.io/${version}`, kind: PARTIAL, metadata: entry.object.metadata };
}

function itemTypeOf({ apiVersion, served }: Registration): string {
  const type = protobufTypeOf(apiVersion, served.kind);
  if (type === undefined) throw new Error(`${served.kind} of ${apiVersion} has no protobuf message`);
  return type;
}
