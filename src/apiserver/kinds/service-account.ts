import type { KubeObject } from '../../machinery/index.ts';
import type { KindStrategy } from '../contracts.ts';
import { objectsAt } from './fields.ts';

const mountable = 'kubernetes.io/enforce-mountable-secrets';

export const serviceAccountStrategy: KindStrategy = {
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
  warnings({ metadata }, old) {
    const annotated = (object: KubeObject['metadata'] | undefined): boolean =>
      object?.annotations?.[mountable] !== undefined;
    if (!annotated(metadata) || annotated(old?.metadata)) return [];
    const instead = 'prefer separate namespaces to isolate access to mounted secrets';
    return [`metadata.annotations[${mountable}]: deprecated in v1.32+; ${instead}`];
  },
};

/** Of the secrets that its pods may use only the names count, in place. */
function keepSecretNames(account: KubeObject): void {
  for (const secret of objectsAt(account, 'secrets')) {
    for (const key of Object.keys(secret)) if (key !== 'name') delete secret[key];
  }
}
