import { describe, expect, it } from 'vitest';
import { builtinSchemaByName } from '../../machinery/index.ts';
import table from './descriptions.json' with { type: 'json' };

describe('the table of descriptions', () => {
  it('describes types and fields that exist', () => {
    for (const key of Object.keys(table)) {
      if (!key.includes('.') || builtinSchemaByName(key)) continue;
      const dot = key.lastIndexOf('.');
      expect(builtinSchemaByName(key.slice(0, dot))?.properties, key).toHaveProperty([key.slice(dot + 1)]);
    }
  });
});
