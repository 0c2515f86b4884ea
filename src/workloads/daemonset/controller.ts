import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { equalJson, type KubeObject, keyOf } from '../../machinery/index.ts';
import { addOrphanIndex, claimChildren } from '../claim.ts';
import { createExpectations } from '../expectations.ts';
import { forgetRevisions, type History, historyOf } from '../history/history.ts';
import type { ControllerRevision } from '../history/revision.ts';
import { ownerKeys } from '../owner-keys.ts';
import { burst, changePods, type ExpectingControl } from '../pod-control.ts';
import { nextAvailability } from '../pods.ts';
import { controllerRevisions, daemonSets, nodes, pods } from '../resources.ts';
import { selectorOf } from '../selectors.ts';
import type { Node, Pod } from '../types.ts';
import { updateStatus } from '../update-status.ts';
import { hashLabel, podFor } from './daemon-pod.ts';
import { createFailures, type Failures } from './failures.ts';
import { type DaemonChanges, type Endings, missingAndExcess } from './manage.ts';
import { type Daemons, daemonsOf, placementOn } from './placement.ts';
import { rollingStep } from './rollout.ts';
import { countDaemons } from './status.ts';
import type { DaemonSet, DaemonSetSpec } from './types.ts';

/** What a DaemonSet's pods are written through. */
interface Writer extends ExpectingControl {
  failures: Failures;
}

/** Keeps a pod of each DaemonSet on every node that fits its template, and its status. */
export function daemonSetController(context: PlatformContext): Controller {
  const { client, informers } = context;
  const expectations = createExpectations();
  const failures = createFailures();
  const setInformer = informers.for(daemonSets);
  const podInformer = informers.for(pods);
  const nodeInformer = informers.for(nodes);
  const revisionInformer = informers.for(controllerRevisions);
  for (const informer of [podInformer, revisionInformer]) addOrphanIndex(informer);
  const writer: Writer = { client, recorder: context.recorder('daemonset-controller'), expectations, failures };

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const set = setInformer.get(key) as DaemonSet | undefined;
    if (!set?.spec) {
      expectations.forget(key);
      failures.forget(key);
      return undefined;
    }
    if (set.metadata.deletionTimestamp) return undefined;
    const upToDate = expectations.satisfied(key);
    const claim = { client, owner: set, ownerResource: daemonSets, selector: selectorOf(set.spec.selector) };
    const revisions = (await claimChildren({ ...claim, children: revisionInformer })) as ControllerRevision[];
    const own = (await claimChildren({ ...claim, children: podInformer })) as Pod[];
    const { template } = set.spec;
    const collisionCount = set.status?.collisionCount ?? 0;
    const history = await historyOf(client, { owner: set, template, hashLabel, collisionCount }, revisions);
    const daemons = daemonsOf(set, hashOf(history.present), nodeInformer.list() as Node[], own);
    const step = upToDate ? await takeStep(writer, daemons) : undefined;
    await writeStatus(daemons, history, upToDate);
    if (step?.failure) throw step.failure;
    await forgetUnneeded(daemons, history, own);
    return soonest(step, nextAvailability(own, set.spec.minReadySeconds ?? 0, daemons.now));
  }

  /** Until the changes of the last step have been seen, the present generation has not been acted on. */
  async function writeStatus(daemons: Daemons, { collisionCount }: History, acted: boolean): Promise<void> {
    const { set } = daemons;
    const observedGeneration = acted ? set.metadata.generation : set.status?.observedGeneration;
    const collisions = collisionCount > 0 ? { collisionCount } : {};
    const status = { ...set.status, ...countDaemons(daemons), observedGeneration, ...collisions };
    await updateStatus(client, daemonSets, set, status);
  }

  async function forgetUnneeded({ set }: Daemons, { revisions, present }: History, own: readonly Pod[]): Promise<void> {
    const old = revisions.filter((revision) => revision !== present);
    const live = new Set(own.map(({ metadata }) => metadata.labels?.[hashLabel]));
    const unneeded = old.filter((revision) => !live.has(hashOf(revision)));
    await forgetRevisions(client, unneeded, old.length - (set.spec?.revisionHistoryLimit ?? 10));
  }

  const selects = ({ spec }: KubeObject, { metadata }: KubeObject): boolean =>
    selectorOf((spec as DaemonSetSpec).selector).matches(metadata.labels);

  /** The sets for which a node is another than it was. */
  function setsOfNode(node: KubeObject, { deleted, old }: { deleted: boolean; old?: KubeObject }): string[] {
    const isSame = old && equalJson(placing(old as Node), placing(node as Node));
    if (isSame) return [];
    const sets = setInformer.list() as DaemonSet[];
    const concerned = old && !deleted ? sets.filter((set) => isMoved(set, old as Node, node as Node)) : sets;
    return concerned.map(keyOf);
  }

  return createController({
    name: 'daemonset-controller',
    context,
    sources: [
      { resource: daemonSets },
      { resource: pods, keys: ownerKeys({ informer: setInformer, selects, expectations }) },
      { resource: controllerRevisions, keys: ownerKeys({ informer: setInformer, selects }) },
      { resource: nodes, keys: setsOfNode },
    ],
    reconcile,
  });
}

/** Revisions of long ago have no such label. */
function hashOf({ metadata }: ControllerRevision): string {
  return metadata.labels?.[hashLabel] ?? metadata.name;
}

/** What of a node decides whether it gets a daemon. */
function placing({ metadata, spec }: Node): unknown {
  return [metadata.labels ?? {}, spec?.taints ?? []];
}

function isMoved(set: DaemonSet, before: Node, after: Node): boolean {
  return placementOn(set, before) !== placementOn(set, after);
}

interface Step {
  failure?: Error | undefined;
  /** Milliseconds until a failed pod may be deleted. */
  retryAfter?: number;
}

/** Puts missing and excess pods right; where there are none, takes the next step of a rolling update. */
async function takeStep(writer: Writer, daemons: Daemons): Promise<Step> {
  const { set } = daemons;
  const waits: number[] = [];
  const changes = missingAndExcess(daemons, endingsFor(writer, set, waits));
  const failure = await apply(writer, daemons, changes);
  const retry = waits.length > 0 ? { retryAfter: Math.min(...waits) } : {};
  const rolls = set.spec?.updateStrategy?.type !== 'OnDelete' && writer.expectations.satisfied(keyOf(set));
  if (failure || !rolls) return { failure, ...retry };
  return { failure: await apply(writer, daemons, rollingStep(daemons)), ...retry };
}

function endingsFor({ recorder, failures }: Writer, set: DaemonSet, waits: number[]): Endings {
  const found = (state: string, { metadata }: Pod, node: string, what: string): string =>
    `Found ${state} daemon pod ${metadata.namespace}/${metadata.name} on node ${node}, will try to ${what} it`;
  return {
    mayReplace(pod, node) {
      const template = `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}`;
      const wait = failures.attempt(keyOf(set), template, node);
      if (wait > 0) waits.push(wait);
      else recorder.event(set, 'Warning', 'FailedDaemonPod', found('failed', pod, node, 'kill'));
      return wait === 0;
    },
    succeeded(pod, node) {
      recorder.event(set, 'Normal', 'SucceededDaemonPod', found('succeeded', pod, node, 'delete'));
    },
  };
}

/** Creates and deletes pods, as many as one reconcile may. Returns the first error. */
async function apply(writer: Writer, { set, hash }: Daemons, changes: DaemonChanges): Promise<Error | undefined> {
  const create = changes.create.slice(0, burst).map((node) => podFor(set, node, hash));
  const { failure } = await changePods(writer, set, create, changes.remove.slice(0, burst));
  return failure;
}

function soonest(step: Step | undefined, availability: ReconcileResult | undefined): ReconcileResult | undefined {
  const waits = [step?.retryAfter, availability?.requeueAfter].filter((wait) => wait !== undefined);
  return waits.length > 0 ? { requeueAfter: Math.min(...waits) } : undefined;
}
