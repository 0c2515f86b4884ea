import type { LabelSelector, LabelSelectorSpec } from '../machinery/index.ts';
import { labelSelectorOf } from '../machinery/index.ts';

const parsed = new WeakMap<object, LabelSelector>();

/** The parsed selector of a spec, remembered for as long as the cached object it belongs to lives. */
export function selectorOf(spec: LabelSelectorSpec): LabelSelector {
  let selector = parsed.get(spec);
  if (!selector) {
    selector = labelSelectorOf(spec);
    parsed.set(spec, selector);
  }
  return selector;
}
