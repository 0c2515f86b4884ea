import type { Schema } from '../../machinery/index.ts';
import type { CustomResourceDefinition } from './definition.ts';
import { allSchemas } from './walk.ts';

const formats = new Set([
  ...['bsonobjectid', 'uri', 'email', 'hostname', 'ipv4', 'ipv6', 'cidr', 'mac', 'uuid', 'uuid3', 'uuid4', 'uuid5'],
  ...['isbn', 'isbn10', 'isbn13', 'creditcard', 'ssn', 'hexcolor', 'rgbcolor', 'byte', 'password', 'date', 'duration'],
  'datetime',
]);

/** Formats that nobody enforces. */
export function warningsOf(crd: CustomResourceDefinition): string[] {
  const found = new Set<string>();
  for (const version of crd.spec?.versions ?? []) {
    if (version.schema?.openAPIV3Schema) addWarnings(version.schema.openAPIV3Schema, found);
  }
  return [...found];
}

function addWarnings(root: Schema, found: Set<string>): void {
  for (const schema of allSchemas(root)) {
    const { type, format } = schema;
    if (type === 'string' && format && !formats.has(format.replaceAll('-', ''))) {
      found.add(`unrecognized format "${format}"`);
    }
  }
}
