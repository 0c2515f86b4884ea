import { type Fields, invalidValue, type StatusCause } from '../../../machinery/index.ts';
import { textAt, textsAt } from '../fields.ts';
import { isExternalName, isHeadless } from './types.ts';

/** What an update may not do to the addresses that a service has. */
export function clusterIpChangeErrors(spec: Fields, old: Fields): StatusCause[] {
  return changeErrors(spec, old, 'clusterIPs', 'clusterIP');
}

/** What an update may not do to the families of a service's addresses. */
export function familyChangeErrors(spec: Fields, old: Fields): StatusCause[] {
  return changeErrors(spec, old, 'ipFamilies', 'ipFamily');
}

/** The first value of a list stays; a second may come, and go again if the policy says so. */
function changeErrors(spec: Fields, old: Fields, key: string, noun: string): StatusCause[] {
  if (isExternalName(spec) || isExternalName(old) || (isHeadless(spec) && isHeadless(old))) return [];
  const [values, before] = [textsAt(spec, key), textsAt(old, key)];
  const wrong = (index: number, detail: string): StatusCause => invalidValue(`spec.${key}[${index}]`, values, detail);
  const changed = (index: number): StatusCause[] =>
    values[index] === before[index] ? [] : [wrong(index, 'may not change once set')];
  if (values.length === before.length) return values.flatMap((_, index) => changed(index));
  if (values.length > before.length) return before.length > 0 ? changed(0) : [];
  if (values.length === 0) return [wrong(0, `primary ${noun} can not be unset`)];
  const errors = changed(0);
  const policy = textAt(spec, 'ipFamilyPolicy');
  if (policy === 'SingleStack') return errors;
  const detail = `must be set to 'SingleStack' when releasing the secondary ${noun}`;
  return [...errors, invalidValue('spec.ipFamilyPolicy', policy, detail)];
}
