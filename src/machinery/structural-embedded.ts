import { invalidValue, requiredValue } from './field-error.ts';
import { isFields } from './json.ts';
import { dns1035LabelErrors } from './names.ts';
import type { StatusCause } from './status.ts';

/** What `x-kubernetes-embedded-resource` asks of an object: a proper apiVersion and kind, and metadata that is an object. */
export function embeddedResourceErrors(value: Record<string, unknown>, path: string): StatusCause[] {
  const at = (field: string) => (path === '' ? field : `${path}.${field}`);
  const errors = [...textErrors(value, 'apiVersion', at), ...textErrors(value, 'kind', at)];
  const { apiVersion, kind, metadata } = value;
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
  if (metadata !== undefined && !isFields(metadata)) {
    errors.push(invalidValue(at('metadata'), metadata, 'must be an object'));
  }
  return errors;
}

function textErrors(value: Record<string, unknown>, field: string, at: (field: string) => string): StatusCause[] {
  const text = value[field];
  if (text === undefined) return [requiredValue(at(field))];
  if (typeof text !== 'string') return [invalidValue(at(field), text, 'must be a string')];
  return text === '' ? [invalidValue(at(field), text, 'must not be empty')] : [];
}
