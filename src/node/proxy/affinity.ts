import { remember } from '../../client/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import type { ServicePort, Target } from './backends.ts';

/** Remembers which endpoint a client of a Service with `sessionAffinity: ClientIP` was given. */
export interface Affinity {
  /** The targets with the client's own first, while it is there and its time is not over. */
  order(service: KubeObject, port: ServicePort, client: string, targets: readonly Target[]): readonly Target[];
  /** The client was given this target, now. */
  remember(service: KubeObject, port: ServicePort, client: string, target: Target): void;
}

/** Entries at most; beyond it the one that was used longest ago goes. */
const mostRemembered = 10_000;
const defaultTimeout = 10_800;

/** @param now milliseconds, for tests. */
export function createAffinity(now: () => number = Date.now): Affinity {
  const remembered = new Map<string, { target: string; at: number }>();
  const keyOf = ({ metadata }: KubeObject, port: ServicePort, client: string) =>
    `${metadata.uid ?? ''} ${metadata.namespace}/${metadata.name}:${port.name ?? ''} ${client}`;
  const nameOf = ({ address, port }: Target) => `${address}:${port}`;

  return {
    order(service, port, client, targets) {
      const timeout = timeoutOf(service);
      const found = timeout === undefined ? undefined : remembered.get(keyOf(service, port, client));
      if (timeout === undefined || !found || now() - found.at > timeout * 1000) return targets;
      const at = targets.findIndex((target) => nameOf(target) === found.target);
      const [own] = targets.slice(at);
      return at < 1 || !own ? targets : [own, ...targets.slice(0, at), ...targets.slice(at + 1)];
    },
    remember(service, port, client, target) {
      if (timeoutOf(service) === undefined) return;
      const key = keyOf(service, port, client);
      remember(remembered, key, { target: nameOf(target), at: now() }, mostRemembered);
    },
  };
}

/** Seconds, of a Service that wants its clients kept. */
function timeoutOf(service: KubeObject): number | undefined {
  if (service.spec?.['sessionAffinity'] !== 'ClientIP') return undefined;
  const config = service.spec['sessionAffinityConfig'] as { clientIP?: { timeoutSeconds?: number } } | undefined;
  return config?.clientIP?.timeoutSeconds ?? defaultTimeout;
}
