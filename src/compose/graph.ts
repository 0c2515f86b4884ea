/** What an order is made of: ids, each with the ids it depends on. */
export type Dependencies = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Sorts ids so that each comes after what it depends on, in levels: those of one level do not depend on each other.
 * Within a level the order is that of the map. Throws Error naming a cycle.
 */
export function levelsOf(dependencies: Dependencies): string[][] {
  const waiting = new Map([...dependencies].map(([id, on]) => [id, on.size]));
  const dependents = new Map<string, string[]>([...dependencies.keys()].map((id) => [id, []]));
  for (const [id, on] of dependencies) for (const dependency of on) dependents.get(dependency)?.push(id);

  const rank = new Map([...dependencies.keys()].map((id, index) => [id, index]));
  const levels: string[][] = [];
  let level = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  let placed = 0;
  while (level.length > 0) {
    levels.push(level);
    placed += level.length;
    const next: string[] = [];
    for (const dependent of level.flatMap((id) => dependents.get(id) ?? [])) {
      const left = (waiting.get(dependent) ?? 0) - 1;
      waiting.set(dependent, left);
      if (left === 0) next.push(dependent);
    }
    level = next.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  }
  if (placed < dependencies.size)
    throw new Error(`the resources depend on each other: ${cycleIn(dependencies, waiting)}`);
  return levels;
}

/** Walks from any id that could not be placed until one comes round again. */
function cycleIn(dependencies: Dependencies, waiting: ReadonlyMap<string, number>): string {
  const stuck = (id: string) => (waiting.get(id) ?? 0) > 0;
  const path: string[] = [];
  let at = [...dependencies.keys()].find(stuck);
  while (at !== undefined && !path.includes(at)) {
    path.push(at);
    at = [...(dependencies.get(at) ?? [])].find(stuck);
  }
  const cycle = at === undefined ? path : [...path.slice(path.indexOf(at)), at];
  return cycle.join(' → ');
}
