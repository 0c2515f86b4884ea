import type { Schema } from '../../machinery/index.ts';
import type { CustomResourceDefinition } from './definition.ts';
import { unenforcedReason } from './validate-rules.ts';
import { allSchemas } from './walk.ts';

const formats = new Set([
  ...['bsonobjectid', 'uri', 'email', 'hostname', 'ipv4', 'ipv6', 'cidr', 'mac', 'uuid', 'uuid3', 'uuid4', 'uuid5'],
  ...['isbn', 'isbn10', 'isbn13', 'creditcard', 'ssn', 'hexcolor', 'rgbcolor', 'byte', 'password', 'date', 'duration'],
  ...['datetime', 'k8sshortname', 'k8slongname'],
]);

/** Formats that nobody enforces, and rules that this server does not. */
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
    for (const rule of schema['x-kubernetes-validations'] ?? []) {
      const reason = unenforcedReason(rule);
      if (reason !== undefined) found.add(`x-kubernetes-validations rule is stored but not enforced: ${reason}`);
    }
    if (type === 'string' && format && !formats.has(format.replaceAll('-', ''))) {
      found.add(`unrecognized format "${format}"`);
    }
  }
}
