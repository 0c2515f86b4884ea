import { invalidValue, requiredValue } from './field-error.ts';
import { isFields } from './json.ts';
import { dns1035LabelErrors } from './names.ts';
import type { Fields } from './object.ts';
import type { Schema } from './schema.ts';
import { anywhere } from './schema-anywhere.ts';
import type { StatusCause } from './status.ts';
import { propertySchema } from './structural-prune.ts';

const hasEmbedded = anywhere((schema) => schema['x-kubernetes-embedded-resource'] === true);

/** The resources within a value that its schema marks with `x-kubernetes-embedded-resource`, and where they are. */
export function* embeddedResources(
  value: unknown,
  schema: Schema | undefined,
  path = '',
): Iterable<{ resource: Fields; path: string }> {
  if (!schema || !hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* embeddedResources(item, schema.items, `${path}[${index}]`);
  }
  if (!isFields(value)) return;
  if (schema['x-kubernetes-embedded-resource']) yield { resource: value, path };
  for (const [key, field] of Object.entries(value)) {
    const known = propertySchema(schema, key);
    if (known === undefined || known === true) continue;
    const named = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const at = path === '' ? key : `${path}.${key}`;
    yield* embeddedResources(field, known, named ? at : `${path}[${key}]`);
  }
}

/** What `x-kubernetes-embedded-resource` asks of an object: a proper apiVersion and kind. Its metadata is left to others. */
export function embeddedResourceErrors(value: Fields, path: string): StatusCause[] {
  const at = (field: string) => (path === '' ? field : `${path}.${field}`);
  const errors = [...textErrors(value, 'apiVersion', at), ...textErrors(value, 'kind', at)];
  const { apiVersion, kind } = value;
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    errors.push(invalidValue(at('apiVersion'), apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  }
  if (typeof kind === 'string' && kind !== '') {
    const wrong = dns1035LabelErrors(kind.toLowerCase());
    if (wrong.length > 0) {
      const detail = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
      errors.push(invalidValue(at('kind'), kind, detail));
    }
  }
  return errors;
}

function textErrors(value: Fields, field: string, at: (field: string) => string): StatusCause[] {
  const text = value[field];
  if (text === undefined) return [requiredValue(at(field))];
  if (typeof text !== 'string') return [invalidValue(at(field), text, 'must be a string')];
  return text === '' ? [invalidValue(at(field), text, 'must not be empty')] : [];
}
