import type { KubeObject } from '../../machinery/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from './request.ts';

/** How long a pod stays on a node that is not ready or not reachable, unless it says otherwise. */
const TOLERATION_SECONDS = 300;

interface Toleration {
  key?: string;
  operator?: string;
  effect?: string;
  tolerationSeconds?: number;
}

export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate(request) {
    if (isPodWrite(request)) addDefaultTolerations(request.object);
  },
};

/** Updates may take no toleration away either. */
function isPodWrite({ operation, registration, subresource }: AdmissionRequest): boolean {
  const { group, resource } = registration.served;
  return operation !== 'DELETE' && subresource === undefined && group === '' && resource === 'pods';
}

/** Adds the tolerations that every pod has for a node in trouble, in place. */
function addDefaultTolerations(pod: KubeObject): void {
  const spec = pod.spec ?? {};
  const given = (spec['tolerations'] as Toleration[] | undefined) ?? [];
  const added: Toleration[] = [];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerated = given.some((one) => (one.key === key || !one.key) && (one.effect === 'NoExecute' || !one.effect));
    if (!tolerated) added.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS });
  }
  if (added.length > 0) spec['tolerations'] = [...given, ...added];
}
