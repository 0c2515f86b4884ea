import { compareText, type KubeObject } from '../../machinery/index.ts';
import type { ColumnDefinition, TablePrinter } from '../contracts.ts';
import { since } from './age.ts';

export const NONE = '<none>';

/** The column of names, which kubectl turns into RESOURCE/NAME with -o name and the like. */
export const NAME: ColumnDefinition = { ...column('Name', 'Name of the object.'), format: 'name' };
export const AGE: ColumnDefinition = column('Age', 'Time since the object was created.');

/** A column of text that is always shown. */
export function column(name: string, description: string, type = 'string'): ColumnDefinition {
  return { name, type, format: '', description, priority: 0 };
}

/** A column that only -o wide shows. */
export function wideColumn(name: string, description: string): ColumnDefinition {
  return { ...column(name, description), priority: 1 };
}

/**
 * A printer for one kind. Objects come from the store, where they have passed the kind's schema: `T` names the fields
 * that the cells read, all of them optional.
 */
export function table<T extends KubeObject<object, object>>(
  columns: readonly ColumnDefinition[],
  cells: (object: T, now: number) => unknown[],
): TablePrinter {
  return { columns, cells: (object, now) => cells(object as unknown as T, now) };
}

export function ageOf(object: Pick<KubeObject, 'metadata'>, now: number): string {
  return since(object.metadata.creationTimestamp, now);
}

/** 'a,b,c', or '<none>'. */
export function joinedOrNone(texts: readonly string[] | undefined): string {
  return texts && texts.length > 0 ? texts.join(',') : NONE;
}

/** The first three of a list, and how many more there are. */
export function firstThree(texts: readonly string[], total = texts.length): string {
  if (total === 0) return NONE;
  const shown = texts.slice(0, 3).join(',');
  return total > 3 ? `${shown} + ${total - 3} more...` : shown;
}

/** Labels as 'a=b,c=d' by key, or '<none>'. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  return joinedOrNone(labelTerms(labels).map(({ text }) => text));
}

interface SelectorSpec {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** A label selector as kubectl's -l would take it, or '<none>'. */
export function formatSelector(selector: SelectorSpec | undefined): string {
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = [...values].sort().join(',');
    if (operator === 'In') return { key, text: `${key} in (${list})` };
    if (operator === 'NotIn') return { key, text: `${key} notin (${list})` };
    return { key, text: operator === 'Exists' ? key : `!${key}` };
  });
  const terms = [...labelTerms(selector?.matchLabels), ...expressions];
  return joinedOrNone(terms.sort((a, b) => compareText(a.key, b.key)).map(({ text }) => text));
}

function labelTerms(labels: Readonly<Record<string, string>> | undefined): { key: string; text: string }[] {
  const entries = Object.entries(labels ?? {}).sort(([a], [b]) => compareText(a, b));
  return entries.map(([key, value]) => ({ key, text: `${key}=${value}` }));
}
