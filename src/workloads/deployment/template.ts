import type { LabelSelectorSpec } from '../../machinery/index.ts';
import { shortHash } from '../short-hash.ts';
import type { PodTemplate, ReplicaSet } from '../types.ts';

/** The label that tells the pods of one revision of a deployment from those of another. */
const hashLabel = 'pod-template-hash';

const canonical = new WeakMap<object, string>();

/** Whether two templates make the same pods; the label that tells revisions apart does not count. */
export function sameTemplate(a: PodTemplate, b: PodTemplate): boolean {
  return a === b || canonicalTemplate(a) === canonicalTemplate(b);
}

/**
 * A short name for a template, the same for as long as the template is. The count of collisions so far makes it
 * another one when two templates happen to share it.
 */
export function templateHash(template: PodTemplate, collisionCount: number | undefined): string {
  const text =
    collisionCount === undefined ? canonicalTemplate(template) : `${canonicalTemplate(template)}#${collisionCount}`;
  return shortHash(text);
}

/** The template of a revision's ReplicaSet: the deployment's, with the hash among its labels. */
export function hashedTemplate(template: PodTemplate, hash: string): PodTemplate {
  const labels = { ...template.metadata?.labels, [hashLabel]: hash };
  return { ...template, metadata: { ...template.metadata, labels } };
}

export function hashedSelector(selector: LabelSelectorSpec, hash: string): LabelSelectorSpec {
  return { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } };
}

/** The ReplicaSet of the deployment's current template: the oldest that has it, should there be several. */
export function findNewSet(template: PodTemplate, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return sets.toSorted(byAge).find(({ spec }) => spec && sameTemplate(spec.template, template));
}

/** Oldest first. */
export function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (first !== second) return first < second ? -1 : 1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}

/** The template as text in which the order of fields plays no role. Templates in the cache never change, so it is kept. */
function canonicalTemplate(template: PodTemplate): string {
  let text = canonical.get(template);
  if (text === undefined) {
    const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
    text = JSON.stringify(sorted({ ...template, metadata: { ...template.metadata, labels } }));
    canonical.set(template, text);
  }
  return text;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined && field !== null);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]));
}
