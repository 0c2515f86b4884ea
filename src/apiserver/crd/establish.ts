import { equalJson, type Fields, type KubeObject } from '../../machinery/index.ts';
import { asDefinition, type DefinitionCondition, type DefinitionNames, type DefinitionStatus } from './definition.ts';

/**
 * The status that a CRD should have: acceptedNames, storedVersions, and the conditions NamesAccepted and Established,
 * as the naming and establishing controllers of apiextensions-apiserver set them.
 * @param others the accepted names of the other CRDs of its group: they are taken.
 * @param now RFC 3339, for conditions that change.
 * @returns the CRD's own status object when nothing changes.
 */
export function establishedStatus(crd: KubeObject, others: Iterable<DefinitionNames>, now: string): Fields {
  const { spec = {}, status = {} } = asDefinition(crd);
  const { names, namesAccepted } = acceptNames(spec.names ?? {}, status.acceptedNames ?? {}, taken(others));
  const accepted = namesAccepted.status === 'True';
  const before = status.conditions?.find((condition) => condition.type === 'Established');
  // A CRD that was once established stays so, whatever becomes of its names.
  const established: DefinitionCondition =
    accepted || before?.status === 'True'
      ? { type: 'Established', status: 'True', ...initialNames }
      : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
  const next: DefinitionStatus = {
    ...status,
    acceptedNames: names,
    conditions: withConditions(status.conditions ?? [], [namesAccepted, established], now),
    storedVersions: storedVersions(
      status.storedVersions ?? [],
      spec.versions?.find((version) => version.storage)?.name,
    ),
  };
  return (equalJson(next, status) ? status : next) as Fields;
}

const initialNames = { reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' };

interface TakenNames {
  resources: Set<string | undefined>;
  kinds: Set<string | undefined>;
}

function taken(others: Iterable<DefinitionNames>): TakenNames {
  const found: TakenNames = { resources: new Set(), kinds: new Set() };
  for (const names of others) {
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) found.resources.add(name);
    found.kinds.add(names.kind).add(names.listKind);
  }
  return found;
}

function acceptNames(
  requested: DefinitionNames,
  before: DefinitionNames,
  used: TakenNames,
): { names: DefinitionNames; namesAccepted: DefinitionCondition } {
  const conflicts: { reason: string; message: string }[] = [];
  const names: DefinitionNames = { ...before };
  const clash = (name: string | undefined, own: string | undefined, set: Set<string | undefined>) =>
    name !== own && set.has(name) ? `"${name}" is already in use` : undefined;
  const claim = (field: 'plural' | 'singular' | 'kind' | 'listKind', reason: string, set: Set<string | undefined>) => {
    const message = clash(requested[field], before[field], set);
    if (message === undefined) names[field] = requested[field];
    else conflicts.push({ reason, message });
  };
  claim('plural', 'PluralConflict', used.resources);
  claim('singular', 'SingularConflict', used.resources);
  const own = new Set(before.shortNames);
  const shortClashes = (requested.shortNames ?? [])
    .filter((name) => !own.has(name))
    .map((name) => clash(name, undefined, used.resources))
    .filter((message) => message !== undefined);
  if (shortClashes.length === 0) names.shortNames = requested.shortNames;
  else conflicts.push({ reason: 'ShortNamesConflict', message: listed(shortClashes) });
  claim('kind', 'KindConflict', used.kinds);
  claim('listKind', 'ListKindConflict', used.kinds);
  names.categories = requested.categories;
  const last = conflicts.at(-1);
  return {
    names: withoutUndefined(names),
    namesAccepted: last
      ? { type: 'NamesAccepted', status: 'False', ...last }
      : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
  };
}

const listed = (messages: readonly string[]): string =>
  messages.length === 1 ? (messages[0] ?? '') : `[${messages.join(', ')}]`;

function withoutUndefined(names: DefinitionNames): DefinitionNames {
  return Object.fromEntries(Object.entries(names).filter(([, value]) => value !== undefined));
}

function withConditions(
  before: readonly DefinitionCondition[],
  wanted: readonly DefinitionCondition[],
  now: string,
): DefinitionCondition[] {
  const updated = wanted.map((condition) => {
    const old = before.find((other) => other.type === condition.type);
    const since = old?.status === condition.status ? (old.lastTransitionTime ?? now) : now;
    return { ...condition, lastTransitionTime: since };
  });
  const kept = before.map((condition) => updated.find(({ type }) => type === condition.type) ?? condition);
  return [...kept, ...updated.filter(({ type }) => !before.some((condition) => condition.type === type))];
}

function storedVersions(before: readonly string[], storage: string | undefined): string[] {
  return storage === undefined || before.includes(storage) ? [...before] : [...before, storage];
}
