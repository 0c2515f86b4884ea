import type { LabelRequirement, LabelSelector } from '../../machinery/index.ts';

/**
 * Things with label selectors, found by the labels that they may match. Most selectors insist on some value of some label:
 * of thousands of them, a pod is held against the few that insist on one of its own.
 */
export interface SelectorIndex<T> {
  add(selector: LabelSelector, item: T): void;
  delete(selector: LabelSelector, item: T): void;
  /** All whose selector matches the labels, and some whose does not. */
  candidates(labels: Readonly<Record<string, string>>): T[];
}

export function createSelectorIndex<T>(): SelectorIndex<T> {
  const byLabel = new Map<string, Set<T>>();
  /** Those that insist on nothing. */
  const open = new Set<T>();

  return {
    add(selector, item) {
      const label = insistedOn(selector);
      if (label === undefined) {
        open.add(item);
        return;
      }
      const items = byLabel.get(label) ?? new Set();
      byLabel.set(label, items.add(item));
    },
    delete(selector, item) {
      const label = insistedOn(selector);
      if (label === undefined) open.delete(item);
      else if (byLabel.get(label)?.delete(item) && byLabel.get(label)?.size === 0) byLabel.delete(label);
    },
    candidates(labels) {
      const found = [...open];
      if (byLabel.size > 0) for (const key in labels) found.push(...(byLabel.get(`${key}=${labels[key]}`) ?? []));
      return found;
    },
  };
}

/** A label and the only value of it that the selector takes. The last by name: 'app' goes before 'pod-template-hash'. */
function insistedOn({ requirements }: LabelSelector): string | undefined {
  const found = requirements.findLast(isEquality);
  return found && `${found.key}=${found.values[0]}`;
}

function isEquality({ operator, values }: LabelRequirement): boolean {
  return operator === '=' || operator === '==' || (operator === 'in' && values.length === 1);
}
