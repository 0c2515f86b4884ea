import type { KubeObject } from '../../../machinery/index.ts';
import { textAt } from '../../kinds/fields.ts';
import type { Store } from '../../store/store.ts';
import type { PodSecurityConfiguration } from './configuration.ts';
import { type LevelVersion, textOf, violationsOf } from './policy.ts';

const PODS = { group: '', resource: 'pods' };
/** The pods that one change of a namespace's labels looks at, and the time that it may take for it in milliseconds. */
const MAX_PODS = 3_000;
const MAX_TIME = 1_000;

/** What to tell whoever makes a namespace stricter: which of its pods could not be created again. */
export function warningsOfPods(
  store: Store,
  configuration: PodSecurityConfiguration,
  namespace: string,
  enforce: LevelVersion,
): string[] {
  const pods = [...store.cache(PODS).entries.from(namespace)].map(({ object }) => object);
  const all = oneOfEachOwnerFirst(
    pods.filter((pod) => !configuration.exemptions.runtimeClasses.includes(textAt(pod.spec, 'runtimeClassName'))),
  );
  const until = performance.now() + MAX_TIME;
  const namesOf = new Map<string, string[]>();
  let checked = 0;
  for (const pod of all.slice(0, MAX_PODS)) {
    checked++;
    const reasons = violationsOf(pod, enforce)
      .map(({ reason }) => reason)
      .join(', ');
    const known = namesOf.get(reasons);
    if (known) known.push(pod.metadata.name);
    else if (reasons !== '') namesOf.set(reasons, [pod.metadata.name]);
    if (performance.now() > until) break;
  }
  const warnings: string[] = [];
  if (checked < all.length) {
    warnings.push(
      `new PodSecurity enforce level only checked against the first ${checked} of ${all.length} existing pods`,
    );
  }
  if (namesOf.size > 0) {
    const where = `existing pods in namespace ${JSON.stringify(namespace)}`;
    warnings.push(`${where} violate the new PodSecurity enforce level ${JSON.stringify(textOf(enforce))}`);
  }
  return [...warnings, ...[...namesOf].map(describe).sort()];
}

function describe([reasons, names]: [string, string[]]): string {
  const first = [...names].sort()[0];
  const others = names.length - 1;
  const more = others === 0 ? '' : ` (and ${others} other ${others === 1 ? 'pod' : 'pods'})`;
  return `${first}${more}: ${reasons}`;
}

/** Pods of one controller are alike: one of each comes before all others. */
function oneOfEachOwnerFirst(pods: readonly KubeObject[]): KubeObject[] {
  const seen = new Set<string>();
  const [first, rest]: [KubeObject[], KubeObject[]] = [[], []];
  for (const pod of pods) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
    if (owner !== undefined && seen.has(owner)) rest.push(pod);
    else first.push(pod);
    if (owner !== undefined) seen.add(owner);
  }
  return [...first, ...rest];
}
