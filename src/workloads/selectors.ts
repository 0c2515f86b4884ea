import type { LabelSelector, LabelSelectorSpec } from '../machinery/index.ts';
import { labelSelectorOf } from '../machinery/index.ts';

const parsed = new WeakMap<object, LabelSelector>();

/** The parsed selector of a spec, remembered for as long as the cached object it belongs to lives. */
export function selectorOf(spec: LabelSelectorSpec): LabelSelector {
  return remembered(spec, () => spec);
}

/** The same for the selectors of old, which are nothing but labels. */
export function labelsSelectorOf(matchLabels: Readonly<Record<string, string>>): LabelSelector {
  return remembered(matchLabels, () => ({ matchLabels }));
}

function remembered(key: object, spec: () => LabelSelectorSpec): LabelSelector {
  let selector = parsed.get(key);
  if (!selector) {
    selector = labelSelectorOf(spec());
    parsed.set(key, selector);
  }
  return selector;
}
