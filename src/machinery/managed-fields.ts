import { createdFields } from './created-fields.ts';
import { difference, type FieldSet, intersection, leaf, union } from './field-set.ts';
import { equalJson, isFields } from './json.ts';
import { allowedByLastApplied, withLastApplied } from './last-applied.ts';
import { type Conflict, conflictError } from './managed-conflict.ts';
import {
  capUpdateManagers,
  decodeManagers,
  encodeEntry,
  encodeManagers,
  identityOf,
  type Manager,
  type Managers,
  neverManaged,
  owns,
  storedManagers,
  without,
} from './managed-entries.ts';
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from './object.ts';
import type { Schema } from './schema.ts';
import { ApiError, badRequest } from './status.ts';
import { compare, fieldsOfApplied, fieldsOfStored, withNamedFields } from './typed-compare.ts';
import { mergeTyped, removeFields } from './typed-merge.ts';
import { builtinTypeName } from './types/schema-graph.ts';
import { zeroObject } from './types/zero-values.ts';

/** What every write says about itself. */
interface Write {
  /** The field manager's name; '' is 'unknown'. */
  manager: string;
  apiVersion: string;
  subresource?: string;
  schema: Schema;
  /** RFC 3339 in UTC with whole seconds. */
  now: string;
}

export interface ApplyInput extends Write {
  /** The stored object; undefined if the apply creates it. */
  live: KubeObject | undefined;
  /** What is applied. It owns all it has, so a caller leaves out what the endpoint may not write (status). */
  applied: KubeObject;
  force: boolean;
  /** A field that the endpoint may not write, so that nobody is said to have written it through it. */
  separate?: 'status' | undefined;
}

export interface UpdateInput extends Write {
  old: KubeObject | undefined;
  updated: KubeObject;
  /** True when what is written stands for nothing: whoever owned it does no longer, and nobody else does. */
  released?: boolean | undefined;
}

/**
 * Merges an applied configuration into the live object as server-side apply does (KEP-555, structured-merge-diff):
 * applied fields are set, fields that this manager applied before and now does not are removed unless somebody else
 * owns them. The result carries managedFields and shares unchanged parts with the inputs, which are not changed.
 * It is equal to `live` if the apply changes nothing. Throws ApiError 409 with a FieldManagerConflict cause for each
 * field that another manager owns with another value (unless `force`), 400 for a configuration of another version, 500
 * for one that its schema has no place for.
 */
export function applyServerSide(input: ApplyInput): KubeObject {
  const { live, applied, apiVersion, manager, schema } = input;
  checkApplied(applied, apiVersion);
  const managers = liveManagers(input);
  const base = live ? withoutManagedFields(live) : emptyObject(applied, schema);
  const merged = keepSystemFields(mergeTyped(base, applied, schema) as KubeObject, live);
  const identity = identityOf({ ...input, operation: 'Apply' });
  const last = managers.get(identity);
  const set = appliedFields(applied, schema);
  if (set) managers.set(identity, { ...own(input, 'Apply'), set });
  else managers.delete(identity);
  const result = pruned(merged, last?.set, set, managers, schema);
  const left = withoutConflicts(input, base, result, managers, identity);
  const mine = left.get(identity);
  const same = last !== undefined && mine !== undefined && equalSets(last.set, mine.set);
  if (last && same && live && equalJson(base, result)) left.set(identity, last);
  return withManagedFields(manager === 'kubectl' ? withLastApplied(result, applied) : result, encodeManagers(left));
}

function checkApplied(applied: KubeObject, apiVersion: string): void {
  if (applied.apiVersion !== apiVersion) {
    const versions = `Specified patch version: ${applied.apiVersion}, expected: ${apiVersion}`;
    throw badRequest(`Incorrect version specified in apply patch. ${versions}`);
  }
  if (applied.metadata?.managedFields) throw badRequest('metadata.managedFields must be nil');
}

/** The managers of the live object. What was written before anybody was tracked belongs to before-first-apply. */
function liveManagers({ live, apiVersion, schema, now, subresource, separate }: ApplyInput): Managers {
  const managers = storedManagers(live?.metadata.managedFields);
  if (!live || managers.size > 0) return managers;
  const update = { manager: 'before-first-apply', operation: 'Update', apiVersion, subresource } as const;
  const tracked = separate === undefined ? live : { ...live, [separate]: undefined };
  const { changed } = compare(emptyObject(live, schema), withoutManagedFields(tracked), schema);
  const set = difference(changed, neverManaged);
  if (set) managers.set(identityOf(update), { ...update, time: now, set });
  return managers;
}

function sentOrNone(entries: ManagedFieldsEntry[] | undefined): Managers {
  try {
    return decodeManagers(entries);
  } catch {
    // As upstream: entries that cannot be read are dropped rather than make the object unwritable.
    return new Map();
  }
}

function appliedFields(applied: KubeObject, schema: Schema): FieldSet | undefined {
  try {
    return difference(fieldsOfApplied(applied, schema), neverManaged);
  } catch (error) {
    const { namespace = '', name } = applied.metadata;
    const object = `${namespace}/${name}; ${applied.apiVersion}, Kind=${applied.kind}`;
    const why = error instanceof Error ? error.message : String(error);
    // As upstream: an error that has no code of its own.
    throw new ApiError(500, '', `failed to create typed patch object (${object}): ${why}`);
  }
}

const own = (write: Write, operation: Manager['operation']): Omit<Manager, 'set'> => ({
  manager: write.manager || 'unknown',
  operation,
  apiVersion: write.apiVersion,
  subresource: write.subresource || undefined,
  // As upstream, which does not note when somebody took the replicas through the scale.
  time: write.subresource === 'scale' ? undefined : write.now,
});

const equalSets = (a: FieldSet, b: FieldSet): boolean => !difference(a, b) && !difference(b, a);

/** What an apply always has. */
const identity: FieldSet = {
  member: false,
  children: new Map([
    ['f:apiVersion', leaf],
    ['f:kind', leaf],
    ['f:metadata', { member: true, children: new Map([['f:name', leaf]]) }],
  ]),
};

/** The merged object without what this manager applied last time, does not now, and nobody else owns. */
function pruned(
  merged: KubeObject,
  last: FieldSet | undefined,
  now: FieldSet | undefined,
  managers: Managers,
  schema: Schema,
): KubeObject {
  if (!difference(last, now)) return merged;
  const present = withNamedFields(fieldsOfStored(merged, schema), schema);
  const without = (set: FieldSet | undefined): unknown => removeFields(merged, set, schema) ?? {};
  const left = (value: unknown): FieldSet | undefined => withNamedFields(fieldsOfStored(value, schema), schema);
  const owned = [...managers.values()].reduce<FieldSet | undefined>((all, { set }) => union(all, set), identity);
  const dropped = withNamedFields(last, schema);
  const kept = union(left(without(dropped)), withNamedFields(owned, schema));
  const removable = difference(present, left(without(difference(present, kept))));
  return without(intersection(removable, dropped)) as KubeObject;
}

/** The managers without the fields that this write took from them or removed. Throws the 409 if it may not take them. */
function withoutConflicts(
  input: ApplyInput,
  base: KubeObject,
  result: KubeObject,
  managers: Managers,
  identity: string,
): Managers {
  const others = new Map(managers);
  others.delete(identity);
  if (others.size === 0) return managers;
  const { changed, removed } = compare(base, result, input.schema);
  const conflicts: Conflict[] = [];
  for (const manager of others.values()) {
    const set = owns(manager, changed) ? intersection(manager.set, changed) : undefined;
    if (set) conflicts.push({ manager, set });
  }
  if (!input.force && conflicts.length > 0) {
    const allowed = input.manager === 'kubectl' ? allowedByLastApplied(input) : undefined;
    const disallowed = conflicts.flatMap(({ manager, set }) => {
      const rest = difference(set, allowed);
      return rest ? [{ manager, set: rest }] : [];
    });
    if (disallowed.length > 0) throw conflictError(disallowed);
  }
  const left = without(others, changed, removed);
  const mine = managers.get(identity);
  return mine ? left.set(identity, mine) : left;
}

/**
 * The managedFields of an object after an ordinary write (create, update, patch): the writer owns what it changed,
 * others lose it; an unchanged object keeps its managedFields and their times. A client may rewrite managedFields by
 * sending them, and reset them by sending an empty list, but not through a subresource. undefined: none.
 */
export function trackUpdate(input: UpdateInput): ManagedFieldsEntry[] | undefined {
  const { old, updated, schema } = input;
  const managers = sentManagers(input);
  if (managers.size === 0 && old?.metadata.uid) return undefined;
  if (managers.size === 0 && !old) return createdBy(input);
  const before = old ? withoutManagedFields(old) : emptyObject(updated, schema);
  const { changed, removed } = compare(before, withoutManagedFields(updated), schema);
  // A Scale has the managers of the replicas only: while there are none, as in any object, nobody begins to be tracked.
  const untracked = input.subresource === 'scale' && ![...managers.values()].some((manager) => owns(manager, changed));
  if (untracked) return encodeManagers(managers);
  const left = without(managers, changed, removed);
  const taken = input.released ? undefined : difference(changed, neverManaged);
  if (taken) {
    const entry = own(input, 'Update');
    const identity = identityOf(entry);
    left.set(identity, { ...entry, set: union(taken, left.get(identity)?.set) ?? taken });
  }
  capUpdateManagers(left);
  return encodeManagers(left);
}

function createdBy(input: UpdateInput): ManagedFieldsEntry[] | undefined {
  const fieldsV1 = createdFields(input.updated, input.schema);
  return fieldsV1 && [encodeEntry(own(input, 'Update'), fieldsV1)];
}

function sentManagers({ old, updated, subresource }: UpdateInput): Managers {
  const sent = updated.metadata.managedFields;
  if (!subresource && isReset(sent)) return new Map();
  const kept = old?.metadata.managedFields;
  if (subresource || !sent || equalJson(sent, kept)) return storedManagers(kept);
  const managers = sentOrNone(sent);
  return managers.size > 0 ? managers : storedManagers(kept);
}

function isReset(sent: ManagedFieldsEntry[] | undefined | null): boolean {
  if (!sent) return false;
  return sent.length === 0 || (sent.length === 1 && isFields(sent[0]) && Object.keys(sent[0]).length === 0);
}

/** What an object of the kind is before anybody has set anything: what Go writes of a built-in one in any case. */
function emptyObject({ apiVersion, kind }: KubeObject, schema: Schema): KubeObject {
  return { ...zeroObject(builtinTypeName(schema) ?? ''), apiVersion, kind, metadata: {} as ObjectMeta };
}

function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function withManagedFields(object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject {
  return managedFields ? { ...object, metadata: { ...object.metadata, managedFields } } : object;
}

const systemFields = ['creationTimestamp', 'generation', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const;

/** The merged object with the live object's system fields: clients send `creationTimestamp: null` without meaning it. */
function keepSystemFields(merged: KubeObject, live: KubeObject | undefined): KubeObject {
  const metadata: Record<string, unknown> = { ...merged.metadata };
  for (const field of systemFields) {
    const value = live?.metadata[field];
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
  return { ...merged, metadata: metadata as unknown as ObjectMeta };
}
