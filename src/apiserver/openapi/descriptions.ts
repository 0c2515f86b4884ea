import { kindOfType } from '../../machinery/index.ts';
import table from './descriptions.json' with { type: 'json' };

/**
 * What kinds and their most used fields mean, in a sentence, for `kubectl explain`. Keys are a type of the built-in
 * table ('core.v1.Pod'), a field of one ('core.v1.PodSpec.containers'), or a field of every kind ('spec').
 */
const descriptions: ReadonlyMap<string, string> = new Map(Object.entries(table));

/** What a type is, if the table knows. A list's description follows from its items'. */
export function describeType(type: string): string | undefined {
  const own = descriptions.get(type);
  if (own !== undefined || !type.endsWith('List')) return own;
  const name = type.slice(type.lastIndexOf('.') + 1);
  return `${name} is a list of ${name.slice(0, -'List'.length)}`;
}

/** What a field is. `type` is '' for a custom kind, which has the fields that every kind has. */
export function describeField(type: string, field: string): string | undefined {
  const own = descriptions.get(`${type}.${field}`);
  const hasCommonFields = type === '' || kindOfType(type) !== undefined;
  return own ?? (hasCommonFields && !field.includes('.') ? descriptions.get(field) : undefined);
}
