import {
  decodeFieldsV1,
  difference,
  encodeFieldsV1,
  type FieldSet,
  intersection,
  leaf,
  overlaps,
  union,
} from './field-set.ts';
import type { Fields, ManagedFieldsEntry } from './object.ts';
import { compareText } from './text.ts';

/** What one manager owns: a managedFields entry, read. */
export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly set: FieldSet;
}

/** The managers of an object by identity: appliers by name and subresource, updaters by version too. */
export type Managers = Map<string, Manager>;

const maxUpdateManagers = 10;

export function identityOf(manager: Omit<Manager, 'set' | 'time'>): string {
  const { operation, subresource = '', apiVersion } = manager;
  return JSON.stringify([manager.manager, operation, subresource, operation === 'Apply' ? '' : apiVersion]);
}

/** The entries that managers were read from, for those that did not change. */
const sources = new WeakMap<Manager, ManagedFieldsEntry>();

/** Reads managedFields that encodeManagers wrote. A set is read when it is first asked for: most writes touch few of them. */
export function storedManagers(entries: readonly ManagedFieldsEntry[] | undefined): Managers {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const { manager, operation, apiVersion, subresource, time, fieldsV1 } = entry;
    let set: FieldSet | undefined;
    const stored: Manager = {
      ...{ manager, operation, apiVersion, subresource: subresource || undefined, time },
      get set() {
        set ??= decodeFieldsV1(fieldsV1) ?? leaf;
        return set;
      },
    };
    sources.set(stored, entry);
    managers.set(identityOf(stored), stored);
  }
  return managers;
}

/** Reads managedFields that a client sent. Throws Error if an entry is malformed. */
export function decodeManagers(entries: readonly ManagedFieldsEntry[] | undefined | null): Managers {
  const managers: Managers = new Map();
  for (const entry of entries ?? []) {
    const { manager, operation, apiVersion, subresource, time, fieldsType, fieldsV1 } = entry;
    if (operation !== 'Apply' && operation !== 'Update') throw new Error('operation must be `Apply` or `Update`');
    if (!apiVersion) throw new Error('apiVersion must not be empty');
    if (fieldsType !== 'FieldsV1') throw new Error(`invalid fieldsType ${JSON.stringify(fieldsType)}`);
    const set = decodeFieldsV1(fieldsV1 ?? {});
    if (!set) continue;
    const decoded: Manager = { manager, operation, apiVersion, subresource: subresource || undefined, time, set };
    managers.set(identityOf(decoded), decoded);
  }
  return managers;
}

/** Writes managedFields; undefined if there are none. Entries that did not change are the same objects as were read. */
export function encodeManagers(managers: Managers): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  return [...managers.values()].sort(compareManagers).map(encodeManager);
}

function encodeManager(manager: Manager): ManagedFieldsEntry {
  return sources.get(manager) ?? encodeEntry(manager, encodeFieldsV1(manager.set));
}

export function encodeEntry(manager: Omit<Manager, 'set'>, fieldsV1: Fields): ManagedFieldsEntry {
  const { operation, apiVersion, subresource, time } = manager;
  return {
    manager: manager.manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource === undefined ? {} : { subresource }),
  };
}

/** Times are all RFC 3339 in UTC with whole seconds, so their text sorts as they do. */
function compareManagers(a: Manager, b: Manager): number {
  return (
    compareText(a.operation, b.operation) ||
    compareText(a.time, b.time) ||
    compareText(a.manager, b.manager) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  );
}

const fields = (names: readonly string[]): Map<string, FieldSet> =>
  new Map(names.map((name) => [`f:${name}`, { member: true }]));

/** Fields at the top of an object that nobody owns. */
export const unmanagedFields: readonly string[] = ['apiVersion', 'kind'];
/** Fields of metadata that nobody owns. */
export const unmanagedMetadata: readonly string[] = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** What no manager owns: what the server alone writes, and what identifies the object. */
export const neverManaged: FieldSet = {
  member: false,
  children: new Map([
    ...fields(unmanagedFields),
    ['f:metadata', { member: true, children: fields(unmanagedMetadata) }],
  ]),
};

/** The managers that are left when some of what they own is taken from them; the others stay as they are. */
export function without(managers: Managers, ...taken: readonly (FieldSet | undefined)[]): Managers {
  const left: Managers = new Map();
  for (const [identity, manager] of managers) {
    const touched = taken.filter((set) => owns(manager, set));
    if (touched.length === 0) {
      left.set(identity, manager);
      continue;
    }
    const set = touched.reduce<FieldSet | undefined>(difference, manager.set);
    if (set) left.set(identity, { ...manager, set });
  }
  return left;
}

/** True when the manager owns anything of the set. */
export function owns(manager: Manager, set: FieldSet | undefined): boolean {
  const source = sources.get(manager);
  return source ? overlaps(source.fieldsV1, set) : intersection(manager.set, set) !== undefined;
}

/**
 * Folds the oldest Update entries of a version into one called ancient-changes while there are more than ten, as
 * kube-apiserver does.
 */
export function capUpdateManagers(managers: Managers): void {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update');
  let excess = updaters.length - maxUpdateManagers;
  if (excess <= 0) return;
  updaters.sort(([a, { time: timeA }], [b, { time: timeB }]) => compareText(timeA, timeB) || compareText(a, b));
  const firstOfVersion = new Map<string, string>();
  for (const [identity, manager] of updaters) {
    if (excess <= 0) return;
    const first = firstOfVersion.get(manager.apiVersion);
    if (first === undefined) {
      firstOfVersion.set(manager.apiVersion, identity);
      continue;
    }
    fold(managers, first, identity, manager);
    excess--;
  }
}

function fold(managers: Managers, first: string, identity: string, manager: Manager): void {
  const { apiVersion, time } = manager;
  const bucket = { manager: 'ancient-changes', operation: 'Update', apiVersion } as const;
  const bucketIdentity = identityOf(bucket);
  const held = managers.get(bucketIdentity) ?? managers.get(first);
  if (!managers.has(bucketIdentity)) managers.delete(first);
  managers.delete(identity);
  managers.set(bucketIdentity, { ...bucket, time, set: union(manager.set, held?.set) ?? manager.set });
}
