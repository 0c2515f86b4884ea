import { forbiddenValue, invalidValue, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { numberAt, textAt } from './fields.ts';

export const leaseStrategy: KindStrategy = {
  needsVersion: true,
  createsOnUpdate: true,
  validate({ spec }) {
    const errors: StatusCause[] = [];
    const [duration, transitions] = [numberAt(spec, 'leaseDurationSeconds'), numberAt(spec, 'leaseTransitions')];
    if (duration !== undefined && duration <= 0) {
      errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    if (transitions !== undefined && transitions < 0) {
      errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    if (textAt(spec, 'preferredHolder') !== '' && textAt(spec, 'strategy') === '') {
      errors.push(forbiddenValue('spec.preferredHolder', 'may only be specified if `strategy` is defined'));
    }
    return errors;
  },
};
