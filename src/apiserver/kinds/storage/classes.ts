import {
  duplicateValue,
  equalJson,
  type Fields,
  forbiddenValue,
  invalidValue,
  qualifiedNameErrors,
  requiredValue,
  type StatusCause,
  tooLong,
  unsupportedValue,
} from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { invalidAll, labelNameErrors } from '../checks.ts';
import { mapAt, objectsAt, textAt, textsAt } from '../fields.ts';
import { immutableFieldErrors } from '../immutable.ts';

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;
const reclaimPolicies = ['Delete', 'Retain'];
const bindingModes = ['Immediate', 'WaitForFirstConsumer'];

export const storageClassStrategy: KindStrategy = {
  applyDefaults(storageClass) {
    storageClass['reclaimPolicy'] ??= 'Delete';
    storageClass['volumeBindingMode'] ??= 'Immediate';
  },
  validate(storageClass, old) {
    const policy = textAt(storageClass, 'reclaimPolicy');
    const mode = textAt(storageClass, 'volumeBindingMode');
    const errors = [
      ...provisionerErrors(textAt(storageClass, 'provisioner'), 'provisioner'),
      ...parameterErrors(mapAt(storageClass, 'parameters')),
      ...(policy === '' || reclaimPolicies.includes(policy)
        ? []
        : [unsupportedValue('reclaimPolicy', policy, reclaimPolicies)]),
      ...(bindingModes.includes(mode) ? [] : [unsupportedValue('volumeBindingMode', mode, bindingModes)]),
      ...topologyErrors(objectsAt(storageClass, 'allowedTopologies'), 'allowedTopologies'),
    ];
    if (!old) return errors;
    return [
      ...errors,
      ...unchangeable(storageClass, old, ['parameters', 'provisioner', 'reclaimPolicy']),
      ...immutableFieldErrors(storageClass, old, 'volumeBindingMode'),
    ];
  },
};

export const volumeAttributesClassStrategy: KindStrategy = {
  validate(attributesClass, old) {
    const parameters = mapAt(attributesClass, 'parameters');
    const errors: StatusCause[] = [];
    errors.push(...provisionerErrors(textAt(attributesClass, 'driverName'), 'driverName'));
    errors.push(...parameterErrors(parameters));
    if (Object.keys(parameters).length === 0) {
      errors.push(requiredValue('parameters', 'must contain at least one key/value pair'));
    }
    // Upstream looks at an updated class twice, and says everything twice.
    return old ? [...errors, ...unchangeable(attributesClass, old, ['driverName', 'parameters']), ...errors] : errors;
  },
};

function unchangeable(object: Fields, old: Fields, keys: readonly string[]): StatusCause[] {
  return keys
    .filter((key) => !equalJson(object[key] ?? {}, old[key] ?? {}))
    .map((key) => forbiddenValue(key, `updates to ${key} are forbidden.`));
}

function provisionerErrors(name: string, path: string): StatusCause[] {
  if (name === '') return [requiredValue(path)];
  return invalidAll(path, name.toLowerCase(), qualifiedNameErrors(name.toLowerCase()));
}

function parameterErrors(parameters: Readonly<Record<string, string>>): StatusCause[] {
  const entries = Object.entries(parameters);
  if (entries.length > maxParameters) return [tooLong('parameters', maxParameters)];
  const errors = Object.hasOwn(parameters, '') ? [invalidValue('parameters', '', 'field can not be empty.')] : [];
  const bytes = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  if (bytes > maxParameterBytes) errors.push(tooLong('parameters', maxParameterBytes));
  return errors;
}

/** The terms of allowedTopologies; no two may say the same. */
function topologyErrors(terms: readonly Fields[], path: string): StatusCause[] {
  // A term that says nothing is taken for one that was there before.
  const seen = new Set(['[]']);
  return terms.flatMap((term, index) => {
    const at = `${path}[${index}].matchLabelExpressions`;
    const errors: StatusCause[] = [];
    const values = new Map<string, string[]>();
    objectsAt(term, 'matchLabelExpressions').forEach((expression, i) => {
      errors.push(...topologyExpressionErrors(expression, `${at}[${i}]`));
      const key = textAt(expression, 'key');
      if (values.has(key)) errors.push(duplicateValue(`${at}[${i}].key`, key));
      values.set(key, textsAt(expression, 'values').toSorted());
    });
    const meaning = JSON.stringify([...values].sort());
    if (seen.has(meaning)) errors.push(duplicateValue(at, ''));
    seen.add(meaning);
    return errors;
  });
}

function topologyExpressionErrors(expression: Fields, path: string): StatusCause[] {
  const values = textsAt(expression, 'values');
  const errors = values.length === 0 ? [requiredValue(`${path}.values`)] : [];
  values.forEach((value, index) => {
    if (values.indexOf(value) < index) errors.push(duplicateValue(`${path}.values[${index}]`, value));
  });
  return [...errors, ...labelNameErrors(textAt(expression, 'key'), `${path}.key`)];
}
