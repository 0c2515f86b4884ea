import { type Fields, invalidValue, type StatusCause } from '../../machinery/index.ts';
import { textAt } from './fields.ts';

const MIRROR = 'kubernetes.io/config.mirror';
const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

/** What is wrong with the annotations that mean something for pods. */
export function podAnnotationErrors(annotations: Record<string, string>, spec: Fields, path: string): StatusCause[] {
  const errors: StatusCause[] = [];
  const [mirror, cost] = [annotations[MIRROR], annotations[DELETION_COST]];
  if (mirror !== undefined && textAt(spec, 'nodeName') === '') {
    const detail = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalidValue(`${path}[${MIRROR}]`, mirror, detail));
  }
  if (cost !== undefined && !isInt32(cost)) {
    errors.push(invalidValue(`${path}[${DELETION_COST}]`, cost, 'must be a 32bit integer'));
  }
  return errors;
}

/** A number that is written in one way only: without plus sign or leading zeros. */
function isInt32(text: string): boolean {
  if (text === '0') return true;
  return /^-?[1-9]\d{0,9}$/.test(text) && Number(text) === (Number(text) | 0);
}
