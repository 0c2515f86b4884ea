import { invalidValue, type KubeObject, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { numberAt } from './fields.ts';

export const leaseStrategy: KindStrategy = {
  needsVersion: true,
  createsOnUpdate: true,
  prepareForCreate: dropCoordination,
  prepareForUpdate: dropCoordination,
  validate({ spec }) {
    const errors: StatusCause[] = [];
    const [duration, transitions] = [numberAt(spec, 'leaseDurationSeconds'), numberAt(spec, 'leaseTransitions')];
    if (duration !== undefined && duration <= 0) {
      errors.push(invalidValue('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
    }
    if (transitions !== undefined && transitions < 0) {
      errors.push(invalidValue('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
    }
    return errors;
  },
};

/** What candidates agree on belongs to coordinated leader election, which is off. */
function dropCoordination({ spec }: KubeObject): void {
  delete spec?.['strategy'];
  delete spec?.['preferredHolder'];
}
