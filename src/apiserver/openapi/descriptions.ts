/**
 * What kinds and their fields mean, in a sentence each, for `kubectl explain`: descriptions/GROUP.json has the types of
 * a group, '' for the type itself and a name for each field. Under '*' are fields that mean the same in every type of the
 * group that has them. The files are read for the document that is being written, and forgotten with it.
 */
import { readFileSync } from 'node:fs';
import { kindOfType } from '../../machinery/index.ts';

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Descriptions {
  /** What a type is, by its name in the built-in table ('core.v1.Pod'). A list's description follows from its items'. */
  type(type: string): string | undefined;
  field(type: string, field: string): string | undefined;
}

/** Fields of every kind, also of custom ones. */
const COMMON: ReadonlyMap<string, string> = new Map([
  ['apiVersion', 'The group and version of the schema that this object is written in, such as apps/v1.'],
  ['kind', 'The type of this object, in CamelCase. It cannot be changed.'],
  ['metadata', 'Name, namespace, labels, annotations and what the server keeps about the object.'],
  ['spec', 'What is wanted. Controllers work until the status matches it.'],
  ['status', 'What is there now. Written by controllers, not by users.'],
  ['items', 'The objects of the list.'],
]);

/** What a field means that every kind has. */
export function describeCommonField(field: string): string | undefined {
  return COMMON.get(field);
}

export function loadDescriptions(): Descriptions {
  const tables = new Map<string, Table>();
  const tableOf = (group: string): Table => {
    let table = tables.get(group);
    if (!table) {
      table = readTable(group);
      tables.set(group, table);
    }
    return table;
  };
  return {
    type(type) {
      const { group, name } = partsOf(type);
      const own = textOf(tableOf(group)[name], '');
      if (own !== undefined || !name.endsWith('List')) return own;
      return `${name} is a list of ${name.slice(0, -'List'.length)}`;
    },
    field(type, field) {
      const { group, name } = partsOf(type);
      const table = tableOf(group);
      const own = textOf(table[name], field) ?? textOf(table['*'], field);
      return own ?? (kindOfType(type) ? COMMON.get(field) : undefined);
    },
  };
}

function textOf(texts: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return texts && Object.hasOwn(texts, key) ? texts[key] : undefined;
}

/** Groups of types that are in every group. */
const MACHINERY: ReadonlySet<string> = new Set(['api', 'runtime', 'util', 'version']);

/** The file that describes a type, and its name there. */
export function partsOf(type: string): { group: string; name: string } {
  const group = type.slice(0, type.indexOf('.'));
  return { group: MACHINERY.has(group) ? 'meta' : group, name: type.slice(type.lastIndexOf('.') + 1) };
}

function readTable(group: string): Table {
  return JSON.parse(readFileSync(new URL(`descriptions/${group}.json`, import.meta.url), 'utf8')) as Table;
}
