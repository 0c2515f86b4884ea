import type { LabelSelector } from '../../machinery/index.ts';
import type { Entry } from '../store/entry.ts';

/** What a field of an object has to be, or not to be. */
export interface FieldTest {
  /** The value of the field: '' when the object does not have it. */
  read(entry: Entry): string;
  operator: '=' | '!=';
  value: string;
}

/** Which objects of a resource a list or watch is about. */
export interface Selection {
  /** undefined: every namespace. */
  namespace?: string;
  /** Set when a field selector pins metadata.name. */
  name?: string;
  labels?: LabelSelector;
  fields?: readonly FieldTest[];
  /** Set where a webhook converts what fields are read of: gets entries ready for it. undefined when all are. */
  prepare?: (entries: readonly Entry[]) => Promise<void> | undefined;
}

/** True for objects in the selection. Bytes are parsed only when labels or fields decide, and then once for all. */
export function selects(selection: Selection, entry: Entry): boolean {
  if (selection.namespace !== undefined && entry.namespace !== selection.namespace) return false;
  if (selection.name !== undefined && entry.name !== selection.name) return false;
  if (selection.labels && !selection.labels.matches(entry.object.metadata.labels)) return false;
  for (const { read, operator, value } of selection.fields ?? []) {
    if ((read(entry) === value) !== (operator === '=')) return false;
  }
  return true;
}

/** True when something beside the namespace narrows the selection. */
export function isSelective(selection: Selection): boolean {
  return selection.labels !== undefined || selection.name !== undefined || (selection.fields?.length ?? 0) > 0;
}
