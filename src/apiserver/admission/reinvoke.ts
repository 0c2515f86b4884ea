import { cloneJson, equalJson, type KubeObject } from '../../machinery/index.ts';
import type { Reinvocation, Rounds } from './request.ts';

/** What policies or webhooks keep of a write. In the second round, a change since their first makes all due that they saw. */
export function reinvocationOf(part: 'policies' | 'webhooks', rounds: Rounds, object: KubeObject): Reinvocation {
  let known = rounds.memory.get(part);
  if (!known) {
    known = { seen: new Set(), due: new Set(), last: undefined };
    rounds.memory.set(part, known);
  }
  if (rounds.again && known.last && !equalJson(known.last, object)) requireAgain(known);
  return known;
}

/** Something changed: whoever saw the object before sees it again. */
export function requireAgain({ seen, due }: Reinvocation): void {
  for (const id of seen) due.add(id);
  seen.clear();
}

/** Keeps the object as it is now, if anybody may want to see it again: plugins change it in place. */
export function remember(reinvocation: Reinvocation, object: KubeObject): void {
  reinvocation.last = reinvocation.seen.size > 0 ? cloneJson(object) : undefined;
}
