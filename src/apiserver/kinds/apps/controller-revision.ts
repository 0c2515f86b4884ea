import { invalidValue, isFields, requiredValue } from '../../../machinery/index.ts';
import type { KindStrategy } from '../../contracts.ts';
import { numberAt } from '../fields.ts';
import { immutableErrors } from '../immutable.ts';

/** Revisions keep what a workload was: their data is for good, only their number may change. */
export const controllerRevisionStrategy: KindStrategy = {
  validate(revision, old) {
    const number = numberAt(revision, 'revision') ?? 0;
    const errors = number < 0 ? [invalidValue('revision', number, 'must be greater than or equal to 0')] : [];
    if (old) return [...errors, ...immutableErrors(revision, old, ['data'])];
    const data = revision['data'];
    if (data === undefined || data === null) errors.push(requiredValue('data', 'data is mandatory'));
    else if (!isFields(data)) errors.push(requiredValue('data', 'data must be a valid JSON object'));
    return errors;
  },
};
