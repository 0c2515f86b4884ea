import type { Logger } from 'pino';
import type { Client, Informers } from '../../client/index.ts';
import { equalJson, isReason, type KubeObject } from '../../machinery/index.ts';
import { ingresses } from '../pod.ts';

/** Writes into each Ingress where it answers. @returns the way to stop */
export function writeIngressStatus(client: Client, informers: Informers, ip: string, log: Logger): () => void {
  const wanted = [{ ip }];
  return informers.for(ingresses).addHandler({ upsert: (object) => void write(object) });

  async function write(object: KubeObject): Promise<void> {
    const loadBalancer = (object.status?.['loadBalancer'] ?? {}) as { ingress?: unknown };
    if (object.metadata.deletionTimestamp || equalJson(loadBalancer.ingress, wanted)) return;
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
