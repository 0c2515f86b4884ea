import type { CelProgram, Fields } from '../machinery/index.ts';

/** One list over which a resource is repeated, and what its items are called in the template. */
export interface Dimension {
  name: string;
  program: CelProgram;
}

/** Copies that one resource may have in an instance. */
const MAX_COPIES = 1_000;

/**
 * The variables of every copy of a resource: each combination of the items of the lists, the last list turning
 * fastest. Throws Error when a list is none, or when there are too many combinations.
 */
export function combinations(dimensions: readonly Dimension[], variables: Fields): Fields[] {
  const lists = dimensions.map(({ name, program }) => {
    const list = program.evaluate(variables);
    if (!Array.isArray(list)) throw new Error(`forEach "${name}": ${program.source} gives ${typeof list}, not a list`);
    return { name, list };
  });
  const count = lists.reduce((product, { list }) => product * list.length, 1);
  if (count > MAX_COPIES) throw new Error(`forEach asks for ${count} copies, more than ${MAX_COPIES}`);
  let copies: Fields[] = [variables];
  for (const { name, list } of lists) {
    copies = copies.flatMap((copy) => list.map((item: unknown) => ({ ...copy, [name]: item })));
  }
  return copies;
}
