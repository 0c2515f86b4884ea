import type { Logger } from 'pino';
import type { Client, Informers } from '../../client/index.ts';
import { equalJson, isReason, type KubeObject } from '../../machinery/index.ts';
import { ingressClasses, ingresses } from '../pod.ts';
import { isOurs, ownClass } from './classes.ts';

/** Writes into each Ingress where it answers, and keeps the class of these Ingresses. @returns the way to stop */
export function writeIngressStatus(client: Client, informers: Informers, ip: string, log: Logger): () => void {
  const wanted = [{ ip }];
  const classes = informers.for(ingressClasses);
  void keepClass(client).catch((error: Error) => log.warn({ error: error.message }, 'keeping the IngressClass'));
  return informers.for(ingresses).addHandler({ upsert: (object) => void write(object) });

  async function write(object: KubeObject): Promise<void> {
    const loadBalancer = (object.status?.['loadBalancer'] ?? {}) as { ingress?: unknown };
    await classes.synced;
    if (object.metadata.deletionTimestamp || !isOurs(object, classes) || equalJson(loadBalancer.ingress, wanted))
      return;
    const { name, namespace, uid } = object.metadata;
    try {
      await client.patch(
        ingresses,
        { name, namespace },
        'merge',
        { metadata: { uid }, status: { loadBalancer: { ingress: wanted } } },
        { subresource: 'status' },
      );
    } catch (error) {
      if (isReason(error, 'NotFound') || isReason(error, 'Conflict')) return;
      log.warn(
        { ingress: `${namespace}/${name}`, error: error instanceof Error ? error.message : String(error) },
        'writing the status of an Ingress',
      );
    }
  }
}

async function keepClass(client: Client): Promise<void> {
  const { name, controller } = ownClass;
  const type = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass' };
  try {
    await client.create<KubeObject>(ingressClasses, { ...type, metadata: { name }, spec: { controller } });
  } catch (error) {
    if (!isReason(error, 'AlreadyExists')) throw error;
  }
}
