import type { KubeObject } from '../machinery/index.ts';
import { indexByOwner } from './listings.ts';
import type { ObjectSource } from './types.ts';

/** A source over a list of objects, for tests: Events among them are found by the uid they are about. */
export function memorySource(objects: readonly KubeObject[]): ObjectSource {
  const ofKind = (apiVersion: string, kind: string) =>
    objects.filter((object) => object.apiVersion === apiVersion && object.kind === kind);
  const byOwner = indexByOwner(objects);
  return {
    get: async (apiVersion, kind, { name, namespace }) =>
      ofKind(apiVersion, kind).find(
        ({ metadata }) => metadata.name === name && (namespace === undefined || metadata.namespace === namespace),
      ),
    list: async (apiVersion, kind, namespace) =>
      ofKind(apiVersion, kind).filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
    owned: async ({ metadata: { uid = '' } }) => byOwner.get(uid) ?? [],
    lastLog: async () => [],
    events: async ({ metadata: { uid } }) =>
      objects.filter((object) => object.kind === 'Event' && (object['involvedObject'] as { uid?: string }).uid === uid),
  };
}
