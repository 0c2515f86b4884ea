import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { type KubeObject, objectKey } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { forgetRevisions, type History, historyOf } from '../history/history.ts';
import { type ControllerRevision, templateOf } from '../history/revision.ts';
import { ownerKeys } from '../owner-keys.ts';
import { nextAvailability } from '../pods.ts';
import { controllerRevisions, persistentVolumeClaims, pods, statefulSets } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Pod } from '../types.ts';
import { updateStatus } from '../update-status.ts';
import { ordinalOf, revisionOf, setNameOf } from './identity.ts';
import { type Members, membersOf, versionOf } from './members.ts';
import { rollMembers } from './rollout.ts';
import { scaleMembers } from './scale.ts';
import { statefulSetStatus } from './status.ts';
import type { Storage } from './storage.ts';
import type { StatefulSet, StatefulSetSpec } from './types.ts';

const hashLabel = 'controller.kubernetes.io/hash';

/** Keeps the pods of each StatefulSet, which have names and claims of their own, in order and at its template. */
export function statefulSetController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const setInformer = informers.for(statefulSets);
  const podInformer = informers.for(pods);
  const revisionInformer = informers.for(controllerRevisions);
  const claims = informers.for(persistentVolumeClaims);
  for (const informer of [podInformer, revisionInformer]) addOrphanIndex(informer);
  const storage: Storage = { client, recorder: context.recorder('statefulset-controller'), claims };

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = setInformer.get(key) as StatefulSet | undefined;
    if (!set?.spec) return undefined;
    const claim = { client, owner: set, ownerResource: statefulSets, selector: selectorOf(set.spec.selector) };
    const revisions = (await claimChildren({ ...claim, children: revisionInformer })) as ControllerRevision[];
    const accepts = (pod: KubeObject): boolean => ordinalOf(set, pod) !== undefined;
    const members = (await claimChildren({ ...claim, children: podInformer, accepts })) as Pod[];
    const { template } = set.spec;
    const collisionCount = set.status?.collisionCount ?? 0;
    const history = await historyOf(client, { owner: set, template, hashLabel, collisionCount }, revisions);
    return advance(set, members, history);
  }

  /** Takes the next step and writes the status. Every step's effect brings the next reconcile. */
  async function advance(
    set: StatefulSet,
    all: readonly Pod[],
    history: History,
  ): Promise<ReconcileResult | undefined> {
    const { revisions, present, collisionCount } = history;
    const current = revisions.find(({ metadata }) => metadata.name === set.status?.currentRevision) ?? present;
    const members = membersOf(set, all, {
      current: versionOf(set, current, templateOf(current)),
      update: versionOf(set, present, set.spec?.template),
    });
    const { replaced, failure } = await step(members);
    const status = statefulSetStatus(members, all, collisionCount, replaced);
    await updateStatus(client, statefulSets, set, status);
    const live = new Set([current.metadata.name, present.metadata.name, ...all.map(revisionOf)]);
    const unneeded = revisions.filter(({ metadata }) => !live.has(metadata.name));
    const limit = set.spec?.revisionHistoryLimit ?? 10;
    await forgetRevisions(client, unneeded, unneeded.length - limit);
    if (failure) throw failure;
    return nextAvailability(all, set.spec?.minReadySeconds ?? 0, members.now);
  }

  /** What went wrong is not thrown yet: the status is to say what came of it. */
  async function step(members: Members): Promise<{ replaced?: Pod | undefined; failure?: unknown }> {
    if (members.set.metadata.deletionTimestamp) return {};
    try {
      const progress = await scaleMembers(storage, members);
      return { replaced: progress === 'done' ? await rollMembers(storage, members) : undefined };
    } catch (failure) {
      return { failure };
    }
  }

  const setsOf = ownerKeys({
    informer: setInformer,
    selects: ({ spec }, { metadata }) => selectorOf((spec as StatefulSetSpec).selector).matches(metadata.labels),
  });

  return createController({
    name: 'statefulset-controller',
    context,
    sources: [
      { resource: statefulSets },
      { resource: pods, keys: setsOf },
      { resource: controllerRevisions, keys: setsOf },
      { resource: persistentVolumeClaims, keys: setsOfLostClaim },
    ],
    reconcile,
  });
}

/** A set may be waiting for a claim of an earlier member to go. */
function setsOfLostClaim({ metadata }: KubeObject, { deleted }: { deleted: boolean }): string[] {
  if (!deleted) return [];
  const names = (metadata.ownerReferences ?? []).map(({ kind, name }) => (kind === 'Pod' ? setNameOf(name) : name));
  return names.filter((name) => name !== undefined).map((name) => objectKey(name, metadata.namespace));
}
