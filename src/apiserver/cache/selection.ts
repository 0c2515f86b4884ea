import type { FieldRequirement, LabelSelector } from '../../machinery/index.ts';
import type { Entry } from '../store/entry.ts';

/** Which objects of a resource a list or watch is about. */
export interface Selection {
  /** undefined: every namespace. */
  namespace?: string;
  /** Set when a field selector pins metadata.name. */
  name?: string;
  labels?: LabelSelector;
  fields?: readonly FieldRequirement[];
  /** The value of a selectable field: '' when the object does not have it. */
  fieldOf: (entry: Entry, field: string) => string;
  /** Set where a webhook converts what fieldOf reads: gets entries ready for it. undefined when all are. */
  prepare?: (entries: readonly Entry[]) => Promise<void> | undefined;
}

/** True for objects in the selection. Bytes are parsed only when labels or fields decide, and then once for all. */
export function selects(selection: Selection, entry: Entry): boolean {
  if (selection.namespace !== undefined && entry.namespace !== selection.namespace) return false;
  if (selection.name !== undefined && entry.name !== selection.name) return false;
  if (selection.labels && !selection.labels.matches(entry.object.metadata.labels)) return false;
  for (const { field, operator, value } of selection.fields ?? []) {
    const equal = fieldValue(selection, entry, field) === value;
    if (equal !== (operator === '=')) return false;
  }
  return true;
}

function fieldValue(selection: Selection, entry: Entry, field: string): string {
  if (field === 'metadata.name') return entry.name;
  if (field === 'metadata.namespace') return entry.namespace;
  return selection.fieldOf(entry, field);
}

/** True when something beside the namespace narrows the selection. */
export function isSelective(selection: Selection): boolean {
  return selection.labels !== undefined || selection.name !== undefined || (selection.fields?.length ?? 0) > 0;
}
