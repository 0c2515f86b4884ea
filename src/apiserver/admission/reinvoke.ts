import { equalJson, type KubeObject } from '../../machinery/index.ts';
import type { Reinvocation, Rounds } from './request.ts';

/** What one part of mutating admission keeps of a write. In the second round, a change since its first makes all that it saw due. */
export function reinvocationOf(part: object, rounds: Rounds, object: KubeObject): Reinvocation {
  let known = rounds.memory.get(part);
  if (!known) {
    known = { seen: new Set(), due: new Set(), last: undefined };
    rounds.memory.set(part, known);
  }
  if (rounds.again && !equalJson(known.last, object)) requireAgain(known);
  return known;
}

/** Something changed: whoever saw the object before sees it again. */
export function requireAgain({ seen, due }: Reinvocation): void {
  for (const id of seen) due.add(id);
  seen.clear();
}
