import { invalidValue, qualifiedNameErrors, requiredValue, type StatusCause } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { invalidAll } from './checks.ts';
import { objectAt, textAt } from './fields.ts';

/** Events of the core group, in their old form (timestamps and count) and their new one (eventTime). */
export const eventStrategy: KindStrategy = {
  createsOnUpdate: true,
  validate(event) {
    const namespace = event.metadata.namespace ?? '';
    const about = textAt(objectAt(event, 'involvedObject'), 'namespace');
    const errors: StatusCause[] = [];
    const wrong = (): number =>
      errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
    if (textAt(event, 'eventTime') === '') {
      if (about === '' ? !['', 'default'].includes(namespace) : about !== namespace) wrong();
      return errors;
    }
    if (about === '' && !['default', 'kube-system'].includes(namespace)) wrong();
    const controller = textAt(event, 'reportingComponent');
    if (controller === '') errors.push(requiredValue('reportingComponent'));
    errors.push(...invalidAll('reportingComponent', controller, qualifiedNameErrors(controller)));
    for (const [field, max] of Object.entries({ reportingInstance: 128, action: 128, reason: 128, message: 1024 })) {
      const value = textAt(event, field);
      if (value === '' && field !== 'message') errors.push(requiredValue(field));
      if (value.length > max) errors.push(invalidValue(field, '', `can have at most ${max} characters`));
    }
    return errors;
  },
};
