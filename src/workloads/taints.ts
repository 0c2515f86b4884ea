import type { Taint, Toleration } from './types.ts';

/** Whether one of the tolerations is for this taint; one without a key is for every taint, without an effect for every effect. */
export function isTolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some(({ key, operator, value, effect }) => {
    if (effect && effect !== taint.effect) return false;
    if (key && key !== taint.key) return false;
    return operator === 'Exists' || (key !== undefined && (value ?? '') === (taint.value ?? ''));
  });
}
