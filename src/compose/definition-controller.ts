import {
  type Controller,
  createController,
  type EventRecorder,
  type PlatformContext,
  type ReconcileResult,
} from '../client/index.ts';
import type { KubeObject } from '../machinery/index.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { conditionsIn } from './conditions.ts';
import { crdNameOf, type Definition, nameOfDefinition, objectAt, resourceOfSchema, tryCompile } from './definition.ts';
import type { DefinitionError } from './definition-error.ts';
import { type DefinitionProgress, definitionStatus, queueKey, splitQueueKey } from './definition-status.ts';
import { isEstablished, resourceOfCrd } from './kinds.ts';
import {
  customResourceDefinitions,
  DEFINITION_ANNOTATION,
  DEFINITION_ID_LABEL,
  DEFINITION_MANAGER,
  definitionResources,
  OWNED_LABEL,
} from './names.ts';
import { sameWhere } from './same-where.ts';
import { writeStatus } from './write-status.ts';

/** A kind that no CRD announces (an aggregated API) is asked for again after this many milliseconds. */
const ASK_AGAIN = 30_000;

/**
 * The controller of definitions: compiles them, installs their kinds, runs a controller of instances for each, and
 * reports on their status. A definition that breaks leaves its last good version serving.
 */
export function definitionController(context: PlatformContext): Controller {
  const recorder = context.recorder('kro');
  /** By queue key. */
  const compiled = new Map<string, Compiled>();
  const appliedCrds = new Map<string, { desired: KubeObject; live: KubeObject }>();
  const sources = definitionResources.map((resource) => context.informers.for(resource));
  for (const informer of sources) informer.addIndex(CRD_INDEX, (source) => [crdNameOfSource(source) ?? '']);
  const claimantsOf = (crdName: string) =>
    sources
      .flatMap((informer) => informer.byIndex(CRD_INDEX, crdName))
      .filter((source) => !source.metadata.deletionTimestamp);
  /** Who has the kind: whoever generated the CRD that is there, else the oldest that wants it. */
  const claimantOf = (crdName: string) => {
    const claimants = claimantsOf(crdName).sort(byAge);
    const crd = context.informers.for(customResourceDefinitions).get(crdName);
    const holder = crd?.metadata.labels?.[DEFINITION_ID_LABEL];
    return claimants.find((source) => source.metadata.uid === holder) ?? claimants[0];
  };
  const catalog = createCatalog(context, claimantOf);

  function compile(source: KubeObject): Definition | DefinitionError {
    const { uid, generation } = source.metadata;
    const known = compiled.get(queueKey(source));
    if (known && known.uid === uid && known.generation === generation) return known.result;
    const result = tryCompile(source);
    compiled.set(queueKey(source), { uid, generation, result });
    return result;
  }

  /** Why a definition may not have its kind: another one has it, or the CRD is somebody else's. */
  function claimProblem(source: KubeObject, definition: Definition): Error | undefined {
    const name = crdNameOf(definition.resource);
    const first = claimantOf(name);
    if (first && first.metadata.uid !== source.metadata.uid) {
      const { kind, group } = definition.resource;
      return new Error(`spec.schema.kind: ${kind} of ${group} is defined by ${nameOfDefinition(first)} already`);
    }
    const crd = context.informers.for(customResourceDefinitions).get(name);
    if (crd && crd.metadata.labels?.[OWNED_LABEL] !== 'true') {
      return new Error(`spec.schema.kind: CustomResourceDefinition ${name} exists and was not made by a definition`);
    }
    return undefined;
  }

  async function applyCrd(definition: Definition): Promise<KubeObject> {
    const name = crdNameOf(definition.resource);
    const current = context.informers.for(customResourceDefinitions).get(name);
    const last = appliedCrds.get(name);
    if (current && last?.desired === definition.crd && sameWhere(last.desired, last.live, current)) return current;
    const options = { fieldManager: DEFINITION_MANAGER, force: true };
    const live = await context.client.apply(customResourceDefinitions, definition.crd, options);
    appliedCrds.set(name, { desired: definition.crd, live });
    return live;
  }

  async function reconcileDefinition(source: KubeObject): Promise<ReconcileResult | undefined> {
    const result = compile(source);
    const problem = result instanceof Error ? result : claimProblem(source, result);
    if (problem || result instanceof Error) {
      await reportBroken(source, problem ?? new Error('unknown'));
      return undefined;
    }
    const crd = await applyCrd(result);
    const kindReady = isEstablished(crd);
    const kind = catalog.ensure(result.resource);
    if (kindReady) await kind.serve(result);
    const missing = [...kind.missing];
    await report(source, { accepted: result, served: kind.definition, kindReady, missing });
    return missing.length > 0 ? { requeueAfter: ASK_AGAIN } : undefined;
  }

  async function reportBroken(source: KubeObject, problem: Error): Promise<void> {
    const served = catalog.servedBy(source) ?? (await recoverLastGood(source));
    await report(source, {
      accepted: problem,
      served: served?.definition,
      kindReady: served !== undefined,
      missing: [],
    });
    announce(source, problem, recorder);
  }

  /** After a restart the last good version is not in memory: the CRD that was generated from it has it. */
  async function recoverLastGood(source: KubeObject) {
    const crd = context.informers.for(customResourceDefinitions).get(crdNameOfSource(source) ?? '');
    const text = crd?.metadata.annotations?.[DEFINITION_ANNOTATION];
    if (!crd || !text || !isEstablished(crd) || claimantOf(crd.metadata.name)?.metadata.uid !== source.metadata.uid) {
      return undefined;
    }
    const last = tryCompile({ ...source, spec: JSON.parse(text) });
    if (last instanceof Error) return undefined;
    const kind = catalog.ensure(last.resource);
    await kind.serve(last);
    return kind;
  }

  async function report(source: KubeObject, progress: DefinitionProgress): Promise<void> {
    const resource = definitionResources.find((each) => each.kind === source.kind);
    const status = definitionStatus(source, progress, new Date());
    if (resource) await writeStatus(context.client, resource, source, status);
  }

  /** A generated CRD without a definition: its instances are only deleted, and it goes with the last of them. */
  async function reconcileCrd(name: string): Promise<undefined> {
    const crd = context.informers.for(customResourceDefinitions).get(name);
    if (!crd) {
      await catalog.drop(name);
      appliedCrds.delete(name);
    } else if (crd.metadata.labels?.[OWNED_LABEL] === 'true' && !claimantOf(name) && isEstablished(crd)) {
      await catalog.ensure(resourceOfCrd(crd)).serve(undefined);
    }
    return undefined;
  }

  async function reconcile(queued: string): Promise<ReconcileResult | undefined> {
    const { kind, key, name } = splitQueueKey(queued);
    if (kind === customResourceDefinitions.kind) return reconcileCrd(name);
    const resource = definitionResources.find((each) => each.kind === kind);
    const source = resource && context.informers.for(resource).get(key);
    if (!source) compiled.delete(queued);
    return source && !source.metadata.deletionTimestamp ? reconcileDefinition(source) : undefined;
  }

  const controller = createController({
    name: 'compose-definitions',
    context,
    sources: [
      ...definitionResources.map((resource) => ({ resource, keys: (source: KubeObject) => concernedBySource(source) })),
      { resource: customResourceDefinitions, keys: (crd: KubeObject) => concernedByCrd(crd, catalog) },
    ],
    reconcile,
  });

  /** A definition, the CRD that it may leave behind, and others that want the same kind. */
  function concernedBySource(source: KubeObject): string[] {
    const crdName = crdNameOfSource(source);
    if (!crdName) return [queueKey(source)];
    return [queueKey(source), crdKey(crdName), ...claimantsOf(crdName).map(queueKey)];
  }

  function concernedByCrd(crd: KubeObject, known: Catalog): string[] {
    const { name } = crd.metadata;
    const others = [...claimantsOf(name), ...known.definitionsConcernedBy(crd)];
    return [crdKey(name), ...others.map(queueKey)];
  }

  return {
    name: controller.name,
    start: () => controller.start(),
    async stop() {
      await controller.stop();
      await catalog.stop();
    },
  };
}

/** Definitions by the CRD that they generate. */
const CRD_INDEX = 'crd';

interface Compiled {
  uid: string | undefined;
  generation: number | undefined;
  result: Definition | DefinitionError;
}

const crdKey = (name: string): string => `${customResourceDefinitions.kind}|${name}`;

/** The CRD that a definition generates, if its schema is good enough to say. */
function crdNameOfSource(source: KubeObject): string | undefined {
  const resource = resourceOfSchema(objectAt(objectAt(source.spec)['schema']));
  return resource.kind && resource.group ? crdNameOf(resource) : undefined;
}

/** The older first; of the same age by name, so that the order never changes. */
function byAge(a: KubeObject, b: KubeObject): number {
  const age = (object: KubeObject) => object.metadata.creationTimestamp ?? '';
  return age(a).localeCompare(age(b)) || nameOfDefinition(a).localeCompare(nameOfDefinition(b));
}

/** An Event when a definition breaks, or breaks otherwise than before. */
function announce(source: KubeObject, problem: Error, recorder: EventRecorder): void {
  const told = conditionsIn(source.status).find((condition) => condition.type === 'ResourceGraphAccepted');
  if (told?.status === 'False' && told.message === problem.message) return;
  recorder.event(source, 'Warning', 'InvalidResourceGraph', problem.message);
}
