import type { Client } from '../../client/index.ts';
import { equalJson, type KubeObject, type Resource, timestamp } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import type { SnapshotError } from './kinds.ts';

const prefix = 'snapshot.storage.kubernetes.io';

/** What holds objects back while others need them. */
export const finalizers = {
  /** A snapshot, while volumes may be made from it. */
  source: `${prefix}/volumesnapshot-as-source-protection`,
  /** A snapshot, while it is bound to a content. */
  bound: `${prefix}/volumesnapshot-bound-protection`,
  /** A content, until what it stands for is deleted or kept. */
  content: `${prefix}/volumesnapshotcontent-bound-protection`,
  /** A claim, while a snapshot of it is being taken. */
  claim: `${prefix}/pvc-as-source-protection`,
} as const;

export const marks = {
  beingDeleted: `${prefix}/volumesnapshot-being-deleted`,
  beingCreated: `${prefix}/volumesnapshot-being-created`,
  defaultClass: `${prefix}/is-default-class`,
  deletionSecretName: `${prefix}/deletion-secret-name`,
  deletionSecretNamespace: `${prefix}/deletion-secret-namespace`,
} as const;

/** Adds and takes away finalizers, if that changes anything. @returns the object as it is then. */
export async function setFinalizers<T extends KubeObject>(
  client: Client,
  resource: Resource,
  object: T,
  { add = [], drop = [] }: { add?: readonly string[]; drop?: readonly string[] },
): Promise<T> {
  const present = object.metadata.finalizers ?? [];
  const wanted = [...new Set([...present, ...add])].filter((name) => !drop.includes(name));
  if (equalJson(present, wanted)) return object;
  const changed = { ...object, metadata: { ...object.metadata, finalizers: wanted } };
  if (wanted.length > 0 || !object.metadata.deletionTimestamp) return client.update<T>(resource, changed);
  await ignoringAbsence(client.update(resource, changed));
  return changed;
}

/** The error of a status, with the time of the same error before. */
export function errorOf(message: string, before: SnapshotError | undefined): SnapshotError {
  return { message, time: (before?.message === message && before.time) || timestamp() };
}

/** Writes a status, if it is another one. @returns the object as it is then. */
export async function writeStatus<T extends KubeObject>(
  client: Client,
  resource: Resource,
  object: T,
  status: T['status'],
): Promise<T> {
  if (equalJson(status, object.status)) return object;
  return client.update<T>(resource, { ...object, status }, { subresource: 'status' });
}
