import { type KubeObject, parseJson } from '../../machinery/index.ts';

const METADATA = '"metadata":';
const RESOURCE_VERSION = `${METADATA}{"resourceVersion":"`;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Memory of its own for what stays: in Buffer's pool it would keep what was only needed in passing beside it. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** Where the JSON object that begins at `start` ends: after its closing brace. */
function endOfObject(bytes: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at++;
      while (bytes[at] !== QUOTE && at < bytes.length) at += bytes[at] === BACKSLASH ? 2 : 1;
    } else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return at + 1;
  }
  throw new Error('an object in the store is cut off');
}

/**
 * One object at one revision: the bytes that every client gets, and the same object parsed, each made from the other
 * when first asked for. Neither is ever changed.
 */
export class Entry {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  #bytes: Buffer | undefined;
  /** Strong only until there are bytes: an object that nobody else holds any more is parsed again when it is needed. */
  #object: KubeObject | WeakRef<KubeObject> | undefined;
  /** Where metadata lies in the bytes; 0 until somebody asks. */
  #metadataStart = 0;
  #metadataEnd = 0;
  /** What this object looks like in other versions of its API, by apiVersion and schema (see registry/views.ts). */
  views: Map<unknown, Entry> | undefined;

  private constructor(
    key: { namespace: string; name: string },
    revision: number,
    content: { bytes?: Buffer; object?: KubeObject },
  ) {
    this.namespace = key.namespace;
    this.name = key.name;
    this.revision = revision;
    this.#bytes = content.bytes;
    this.#object = content.object;
  }

  /** An entry of bytes that toBytes once made, at the revision spliced into them. */
  static fromBytes(key: { namespace: string; name: string }, revision: number, bytes: Buffer): Entry {
    return new Entry(key, revision, { bytes });
  }

  /** An entry of an object, with the revision put into it; none for revision 0. The object itself is not changed. */
  static fromObject(object: KubeObject, revision: number): Entry {
    const { apiVersion, kind, metadata } = object;
    // apiVersion, kind and resourceVersion come first, so that `at` finds where to splice without parsing.
    const stored: KubeObject = { apiVersion, kind, metadata: { resourceVersion: '', ...metadata } };
    // What a dry run creates has none: it was never stored.
    if (revision > 0) stored.metadata.resourceVersion = String(revision);
    else delete stored.metadata.resourceVersion;
    for (const field in object) {
      if (field !== 'apiVersion' && field !== 'kind' && field !== 'metadata') stored[field] = object[field];
    }
    return new Entry({ namespace: metadata.namespace ?? '', name: metadata.name }, revision, { object: stored });
  }

  get bytes(): Buffer {
    if (!this.#bytes) {
      const object = this.#object as KubeObject;
      this.#bytes = bytesOf(JSON.stringify(object));
      this.#object = new WeakRef(object);
    }
    return this.#bytes;
  }

  get object(): KubeObject {
    const known = this.#object instanceof WeakRef ? this.#object.deref() : this.#object;
    if (known) return known;
    const parsed = parseJson(this.bytes.toString('utf8')) as KubeObject;
    this.#object = new WeakRef(parsed);
    return parsed;
  }

  /** Lets go of the parsed object, which is made again when somebody asks: for what is big and seldom looked at. */
  forget(): void {
    this.#bytes = this.bytes;
    this.#object = undefined;
  }

  /** The JSON text of the object's metadata: a part of its bytes. */
  get metadata(): Buffer {
    const { bytes } = this;
    if (this.#metadataEnd === 0) {
      // apiVersion and kind, which stand before it, cannot hold that text: their quotes would be escaped.
      this.#metadataStart = bytes.indexOf(METADATA, 0, 'latin1') + METADATA.length;
      this.#metadataEnd = endOfObject(bytes, this.#metadataStart);
    }
    return bytes.subarray(this.#metadataStart, this.#metadataEnd);
  }

  /** The same object at another revision, as a DELETED event carries it. */
  at(revision: number): Entry {
    const bytes = this.bytes;
    const start = bytes.indexOf(RESOURCE_VERSION, 0, 'latin1') + RESOURCE_VERSION.length;
    const end = bytes.indexOf(QUOTE, start);
    const spliced = Buffer.concat([bytes.subarray(0, start), Buffer.from(String(revision)), bytes.subarray(end)]);
    return Entry.fromBytes(this, revision, spliced);
  }
}
