import { type Condition, type KubeObject, timestamp } from '../../machinery/index.ts';
import type { ChangeEvent } from '../cache/ring.ts';
import type { Core } from '../core.ts';
import { type DefinitionConversion, type DefinitionNames, establishedStatus, servedResources } from '../crd/index.ts';
import type { ServerLog } from '../options.ts';
import { CLEANUP_FINALIZER } from '../rest/delete.ts';
import { dropEmpty } from '../rest/metadata.ts';
import type { Entry } from '../store/entry.ts';
import type { Decision } from '../store/store.ts';
import { createWebhookCaller } from '../webhooks/caller.ts';
import { createServiceResolver } from '../webhooks/services.ts';
import { conversionOf } from './conversion.ts';
import { customRegistration } from './registration.ts';

const CRDS = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };

/** Why the watches of a resource end; without one, each abort would make an error with a stack. */
const RETIRED = 'the resource is served otherwise now';

interface Definition extends KubeObject {
  spec: {
    group: string;
    names: { plural: string };
    versions: { name: string; storage?: boolean }[];
    conversion?: DefinitionConversion;
  };
}

const key = (entry: { name: string }): { namespace: string; name: string } => ({ namespace: '', name: entry.name });
const resourceOf = ({ spec }: Definition): { group: string; resource: string } => ({
  group: spec.group,
  resource: spec.names.plural,
});

/**
 * Serves what CustomResourceDefinitions define, as soon as they are established, and takes their objects away with them.
 * @returns the way to stop.
 */
export function serveCustomResources(core: Core, log: ServerLog): () => void {
  const { store, registry } = core;
  const cache = store.cache(CRDS);
  const caller = createWebhookCaller(createServiceResolver(store));
  const report = (what: string, name: string) => (error: unknown) => {
    log.error({ err: error, crd: name }, `${what} of a CustomResourceDefinition failed`);
  };

  /** What is served of each CRD: only a change of that makes new registrations, as their schemas are compiled. */
  const serving = new Map<string, { signature: string; retire: AbortController }>();

  function serve(entry: Entry, crd: Definition): void {
    const { uid, generation = 0, deletionTimestamp } = crd.metadata;
    // The mark of deletion counts as a generation too, and changes nothing of what is served until the objects are gone.
    const changes = deletionTimestamp ? generation - 1 : generation;
    const signature = JSON.stringify([uid, changes, crd.status?.['acceptedNames'], isEstablished(crd)]);
    const before = serving.get(crd.metadata.name);
    if (before?.signature === signature) return;
    const retire = new AbortController();
    serving.set(crd.metadata.name, { signature, retire });
    const storage = crd.spec.versions.find((version) => version.storage)?.name ?? '';
    const versions = servedResources(crd, () => JSON.parse(entry.bytes.toString('utf8')) as KubeObject);
    const convert = conversionOf(crd.spec.conversion, caller);
    registry.replace(
      resourceOf(crd),
      versions.map((version) => customRegistration(version, `${crd.spec.group}/${storage}`, retire.signal, convert)),
    );
    before?.retire.abort(RETIRED);
  }

  /** The names that CRDs have, by group and CRD: who comes later must not take them. */
  const accepted = new Map<string, Map<string, DefinitionNames>>();
  /** CRDs that wait for a name, by group. */
  const waiting = new Map<string, Set<string>>();

  function noteNames(crd: Definition): void {
    const { group } = crd.spec;
    const names = accepted.get(group) ?? new Map<string, DefinitionNames>();
    accepted.set(group, names);
    names.set(crd.metadata.name, (crd.status?.['acceptedNames'] ?? {}) as DefinitionNames);
    const waits = waiting.get(group) ?? new Set();
    waiting.set(group, waits);
    if (hasCondition(crd, 'NamesAccepted', 'False')) waits.add(crd.metadata.name);
    else waits.delete(crd.metadata.name);
  }

  /** Forgets a CRD; those that wait for one of its names may have it now. */
  function freeNames(crd: Definition): void {
    const { group } = crd.spec;
    accepted.get(group)?.delete(crd.metadata.name);
    if (accepted.get(group)?.size === 0) accepted.delete(group);
    waiting.get(group)?.delete(crd.metadata.name);
    for (const name of waiting.get(group) ?? []) {
      const other = cache.entries.get('', name);
      if (other) establish(other, group);
    }
  }

  /** Brings the status up to date; the change comes back as an event, which then serves the resource. */
  function establish(entry: Entry, group: string): void {
    const decide = (current: Entry | undefined): Decision => {
      if (!current) return { keep: entry };
      const all = accepted.get(group) ?? new Map<string, DefinitionNames>();
      const others = all.entries().filter(([name]) => name !== entry.name);
      const taken = others.map(([, names]) => names);
      const status = establishedStatus(current.object, taken, timestamp());
      return status === current.object.status ? { keep: current } : { put: { ...current.object, status } };
    };
    store
      .write(CRDS, key(entry), decide)
      // Schemas are big, and most are never used: what is served reads them again when it needs them.
      .then((kept) => {
        entry.forget();
        kept.forget();
      })
      .catch(report('establishing', entry.name));
  }

  /** Removes a deleted CRD's objects, as far as their finalizers let them go, and the CRD after the last. */
  function cleanUp(entry: Entry): void {
    const crd = entry.object as Definition;
    const resource = resourceOf(crd);
    const objects = store.cache(resource);
    const finish = (): void => {
      if (objects.entries.size > 0) return;
      unsubscribe();
      cleaning.delete(entry.name);
      store
        .write(CRDS, key(entry), (current) => (current ? withoutFinalizer(current) : { keep: entry }))
        .catch(report('removing', entry.name));
    };
    const unsubscribe = objects.onBatch(finish);
    cleaning.set(entry.name, unsubscribe);
    // Last comes the removal of the CRD, if there is nothing to remove before it.
    if (objects.entries.size > 0) {
      store
        .write(CRDS, key(entry), (current) => (current ? { put: terminating(current.object) } : { keep: entry }))
        .catch(report('terminating', entry.name));
    }
    for (const object of [...objects.entries.from(undefined)]) {
      // One that its owner deletes at the same time may be gone already.
      const decide = (current: Entry | undefined): Decision => (current ? deleted(current) : { keep: object });
      store.write(resource, object, decide).catch(report('deleting an object', entry.name));
    }
    finish();
  }

  const cleaning = new Map<string, () => void>();

  function onChange({ type, entry }: Pick<ChangeEvent, 'type' | 'entry'>): void {
    const crd = entry.object as Definition;
    if (type === 'DELETED') {
      registry.replace(resourceOf(crd), []);
      serving.get(entry.name)?.retire.abort(RETIRED);
      serving.delete(entry.name);
      freeNames(crd);
      return;
    }
    serve(entry, crd);
    noteNames(crd);
    establish(entry, crd.spec.group);
    const condemned = crd.metadata.deletionTimestamp && crd.metadata.finalizers?.includes(CLEANUP_FINALIZER);
    if (condemned && !cleaning.has(entry.name)) cleanUp(entry);
  }

  for (const entry of cache.entries.from('')) onChange({ type: 'ADDED', entry });
  const stop = cache.onChange(onChange);
  return () => {
    stop();
    caller.close();
    for (const unsubscribe of cleaning.values()) unsubscribe();
  };
}

const isEstablished = (crd: KubeObject): boolean => hasCondition(crd, 'Established', 'True');

function hasCondition(crd: KubeObject, wanted: string, value: string): boolean {
  const conditions = (crd.status?.['conditions'] ?? []) as { type: string; status: string }[];
  return conditions.some(({ type, status }) => type === wanted && status === value);
}

/** A CRD whose objects are being deleted says so. */
function terminating(object: KubeObject): KubeObject {
  const conditions = ((object.status?.['conditions'] ?? []) as Condition[]).filter(
    ({ type }) => type !== 'Terminating',
  );
  const condition: Condition = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: timestamp(),
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  };
  return { ...object, status: { ...object.status, conditions: [...conditions, condition] as never } };
}

function withoutFinalizer(current: Entry): Decision {
  const { metadata } = current.object;
  const finalizers = (metadata.finalizers ?? []).filter((name) => name !== CLEANUP_FINALIZER);
  const object = { ...current.object, metadata: { ...metadata, finalizers } };
  dropEmpty(object);
  return finalizers.length === 0 ? { remove: true, last: object } : { put: object };
}

function deleted(current: Entry): Decision {
  const { metadata } = current.object;
  if ((metadata.finalizers?.length ?? 0) === 0) return { remove: true };
  if (metadata.deletionTimestamp) return { keep: current };
  const marked = { ...metadata, deletionTimestamp: timestamp(), deletionGracePeriodSeconds: 0 };
  return { put: { ...current.object, metadata: marked } };
}
