import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import type { Provenance } from '../diagnose/index.ts';
import { type KubeObject, keyOf, type Resource } from '../machinery/index.ts';
import type { AppliedRecord } from './apply-object.ts';
import { crdNameOf, type Definition } from './definition.ts';
import { developerCondition } from './developer.ts';
import { instanceReconciler } from './instance-reconciler.ts';
import { instanceSources, watchedResources } from './instance-sources.ts';
import { type KindResolver, kindKey } from './kinds.ts';
import { createReaders } from './readers.ts';

/** The controller of a generated kind's instances, replaced when its definition changes. */
export interface ServedKind {
  readonly resource: Resource;
  readonly definition: Definition | undefined;
  /** Kinds that the definition composes and that are not installed: 'postgresql.cnpg.io/v1/Cluster'. */
  readonly missing: ReadonlySet<string>;
  /**
   * Serves instances by a definition from now on, all of them anew; undefined: they are only deleted. Does nothing if
   * that is how they are served already. Calls are carried out one after the other.
   */
  serve(definition: Definition | undefined): Promise<void>;
  stop(): Promise<void>;
}

export interface ServedKindInput {
  context: PlatformContext;
  resource: Resource;
  provenance: Provenance;
  resolveKind: KindResolver;
  /** Called when the kind has no definition and no instance any more. */
  onEmpty(): Promise<void>;
}

const WORKERS = 16;
/** A key that no instance has. */
const NO_INSTANCE = '';

export function createServedKind(input: ServedKindInput): ServedKind {
  const { context, resource } = input;
  const recorder = context.recorder('kro');
  const applied = new Map<string, Map<string, AppliedRecord>>();
  const readers = createReaders();
  let definition: Definition | undefined;
  let missing: ReadonlySet<string> = new Set();
  let controller: Controller | undefined;
  let isServing = false;
  let turn: Promise<void> = Promise.resolve();

  async function replace(next: Definition | undefined): Promise<void> {
    const { found, absent } = await findResources(next, input.resolveKind);
    const isSame = isServing && next === definition && setsEqual(absent, missing);
    if (isSame) return;
    await controller?.stop();
    definition = next;
    missing = absent;
    isServing = true;
    controller = start(next, found);
  }

  function start(next: Definition | undefined, resources: ReadonlyMap<string, Resource>): Controller {
    const watched = watchedResources(resources.values());
    const tell = next && developerCondition({ context, watched, provenance: input.provenance });
    const created = createController({
      name: `compose-${crdNameOf(resource)}`,
      context,
      sources: instanceSources(resource, watched, context.informers, readers, forget),
      workers: WORKERS,
      reconcile: instanceReconciler({
        context,
        recorder,
        resource,
        definition: next,
        resources,
        resolveKind: input.resolveKind,
        applied,
        readers,
        developer: async (instance: KubeObject) => tell?.(instance),
        onEmpty: input.onEmpty,
      }),
    });
    // A kind whose definition went when it had no instances: no event of an instance will end it.
    if (!next) created.enqueue(NO_INSTANCE);
    created.start();
    return created;
  }

  function forget(instance: KubeObject): void {
    readers.forget(keyOf(instance));
    applied.delete(instance.metadata.uid ?? '');
  }

  function queue(action: () => Promise<void>): Promise<void> {
    const next = turn.then(action);
    // The caller hears of a failure; the next in line must still get its turn.
    turn = next.catch(() => undefined);
    return next;
  }

  return {
    resource,
    get definition() {
      return definition;
    },
    get missing() {
      return missing;
    },
    serve: (next) => queue(() => replace(next)),
    stop: () => queue(async () => controller?.stop()),
  };
}

async function findResources(definition: Definition | undefined, resolveKind: KindResolver) {
  const found = new Map<string, Resource>();
  const absent = new Set<string>();
  const nodes = new Map([...(definition?.nodes.values() ?? [])].map((node) => [kindKey(node), node]));
  await Promise.all(
    [...nodes].map(async ([key, { apiVersion, kind }]) => {
      const resource = await resolveKind(apiVersion, kind);
      if (resource) found.set(key, resource);
      else absent.add(key);
    }),
  );
  return { found, absent };
}

function setsEqual(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
