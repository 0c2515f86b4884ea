import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { builtinSchemaByName, builtinTypeNames } from '../../machinery/index.ts';
import { loadDescriptions, partsOf } from './descriptions.ts';

const FOLDER = new URL('descriptions/', import.meta.url);

describe('descriptions', () => {
  it('say what every type and every field of it is', () => {
    const descriptions = loadDescriptions();
    const missing = builtinTypeNames().flatMap((type) => [
      ...(descriptions.type(type) ? [] : [type]),
      ...Object.keys(builtinSchemaByName(type)?.properties ?? {})
        .filter((field) => !descriptions.field(type, field))
        .map((field) => `${type}.${field}`),
    ]);
    expect(missing).toEqual([]);
  });

  it('are sentences, of types and fields that exist', () => {
    const fields = new Map<string, Set<string>>();
    const groups = new Map<string, Set<string>>();
    for (const type of builtinTypeNames()) {
      const { group, name } = partsOf(type);
      const own = Object.keys(builtinSchemaByName(type)?.properties ?? {});
      add(fields, `${group} ${name}`, ['', ...own]);
      add(groups, group, own);
    }
    const strangers: string[] = [];
    for (const file of readdirSync(FOLDER)) {
      const group = file.replace('.json', '');
      const table = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as Record<string, Record<string, string>>;
      for (const [name, texts] of Object.entries(table)) {
        const known = name === '*' ? groups.get(group) : fields.get(`${group} ${name}`);
        for (const [field, text] of Object.entries(texts)) {
          if (!known?.has(field)) strangers.push(`${group} ${name}.${field}`);
          expect(text, `${group} ${name}.${field}`).toMatch(/^\S.{4,140}[.…]$/);
        }
      }
    }
    expect(strangers).toEqual([]);
  });
});

function add(map: Map<string, Set<string>>, key: string, values: readonly string[]): void {
  const set = map.get(key) ?? new Set<string>();
  map.set(key, set);
  for (const value of values) set.add(value);
}
