import { type Controller, createController, type PlatformContext, type ReconcileResult } from '../../client/index.ts';
import { type Condition, equalJson, groupResource, type KubeObject, type Resource } from '../../machinery/index.ts';
import { ignoringAbsence } from '../refusals.ts';
import { namespaces, pods } from '../resources.ts';
import { deletionConditions } from './conditions.ts';
import { purge } from './content.ts';

type Namespace = KubeObject<{ finalizers?: string[] }, { phase?: string; conditions?: Condition[] }>;

const finalizer = 'kubernetes';

/** Waits between two looks at what remains, in milliseconds, should no change of it be seen. */
const firstWait = 100;
const longestWait = 5000;

/**
 * Empties namespaces that are being deleted and then lets them go. What keeps one from going is said in its conditions,
 * and is tried again for as long as it takes.
 */
export function namespaceController(context: PlatformContext): Controller {
  const { client, informers, log } = context;
  const namespaceInformer = informers.for(namespaces);
  const followed = new Set<string>();
  const waits = new Map<string, number>();

  /** From now on an object of this resource that goes wakes its namespace. */
  function follow(resource: Resource): void {
    const id = groupResource(resource);
    if (followed.has(id)) return;
    followed.add(id);
    controller.addSource({
      resource,
      keys: ({ metadata }, { deleted }) => (deleted && metadata.namespace ? [metadata.namespace] : []),
    });
  }

  async function reconcile(name: string): Promise<ReconcileResult | undefined> {
    const cached = namespaceInformer.get(name);
    if (!cached?.metadata.deletionTimestamp) {
      waits.delete(name);
      return undefined;
    }
    const namespace = await client.find<Namespace>(namespaces, { name });
    if (!namespace?.metadata.deletionTimestamp || !namespace.spec?.finalizers?.includes(finalizer)) return undefined;

    const { resources, failures } = await client.discover();
    const result = await purge(client, name, resources);
    for (const failure of result.failures)
      log.warn({ namespace: name, ...failure }, 'deleting a namespace: content failed');
    const conditions = deletionConditions(namespace.status?.conditions ?? [], failures, result);
    const updated = await writeStatus(namespace, conditions);
    if (result.remaining.size === 0 && result.failures.length === 0 && failures.length === 0) {
      await finalize(updated);
      waits.delete(name);
      return undefined;
    }
    for (const { verbs: _, ...resource } of result.waitingFor) follow(resource);
    const wait = Math.min((waits.get(name) ?? firstWait / 2) * 2, longestWait);
    waits.set(name, wait);
    return { requeueAfter: wait };
  }

  async function writeStatus(namespace: Namespace, conditions: Condition[]): Promise<Namespace> {
    const status = { ...namespace.status, phase: 'Terminating', conditions };
    if (equalJson(namespace.status, status)) return namespace;
    return client.update(namespaces, { ...namespace, status }, { subresource: 'status' });
  }

  async function finalize(namespace: Namespace): Promise<void> {
    const finalizers = namespace.spec?.finalizers?.filter((each) => each !== finalizer) ?? [];
    const updated = { ...namespace, spec: { ...namespace.spec, finalizers } };
    await ignoringAbsence(client.update(namespaces, updated, { subresource: 'finalize' }));
  }

  const controller = createController({
    name: 'namespace-controller',
    context,
    sources: [
      { resource: namespaces },
      {
        resource: pods,
        keys: ({ metadata }, { deleted }) => (deleted && metadata.namespace ? [metadata.namespace] : []),
      },
    ],
    reconcile,
  });
  followed.add(groupResource(pods));
  return controller;
}
