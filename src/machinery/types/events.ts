import type { KubeObject } from '../object.ts';

/**
 * The group under which a resource's objects are stored. Events of events.k8s.io are the same objects as those of the
 * core group; everything else is stored where it is served.
 */
export function storageGroup(of: { group: string; resource: string }): string {
  return of.group === 'events.k8s.io' && of.resource === 'events' ? '' : of.group;
}

/** Field names of core/v1 Event and of events.k8s.io/v1 Event that mean the same. */
const RENAMED: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

const toEvents = new Map(RENAMED.map(([core, events]) => [core, events]));
const toCore = new Map(RENAMED.map(([core, events]) => [events, core]));

/** An Event of either group as the other group's version shows it ('v1' or 'events.k8s.io/v1'); a new object. */
export function convertEvent(event: KubeObject, apiVersion: string): KubeObject {
  if (event.apiVersion === apiVersion) return event;
  const names = apiVersion === 'v1' ? toCore : toEvents;
  const converted: KubeObject = { apiVersion, kind: event.kind, metadata: event.metadata };
  for (const [name, value] of Object.entries(event)) {
    if (name !== 'apiVersion' && name !== 'kind') converted[names.get(name) ?? name] = value;
  }
  return converted;
}
