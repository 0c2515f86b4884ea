import type { KubeObject } from '../machinery/index.ts';

/** Where a value sits: the path of a field of a composed object, and which characters of its string are meant. */
export interface TraceInput {
  /** The instance that composed the child. */
  owner: KubeObject;
  child: KubeObject;
  /** The field in the child, array indexes as text: ['spec', 'template', 'spec', 'containers', '0', 'image']. */
  path: readonly string[];
  /** The part of the field's string value that is at fault, in UTF-16 units, end exclusive: an image's tag. */
  span?: { start: number; end: number };
}

export interface Trace {
  /** The owner's fields that the value was made of: ['spec.tag']. Empty when the definition itself fixes the value. */
  fields: readonly string[];
}

/** Follows a value in a composed object back to the fields of the instance it came from. Compositions implement it. */
export interface Provenance {
  /** undefined when the owner is no instance of a composition, or did not set this field. */
  trace(input: TraceInput): Promise<Trace | undefined>;
}
