import type { KubeObject } from '../../machinery/index.ts';
import { AGE, ageOf, column, NAME, table } from './table.ts';

interface ConfigMap extends KubeObject {
  data?: object;
  binaryData?: object;
}

export const configMapPrinter = table<ConfigMap>([NAME, column('Data', 'Number of keys.'), AGE], (configMap, now) => [
  configMap.metadata.name,
  count(configMap.data) + count(configMap.binaryData),
  ageOf(configMap, now),
]);

export const secretPrinter = table<KubeObject & { data?: object; type?: string }>(
  [NAME, column('Type', 'What the secret is for.'), column('Data', 'Number of keys.'), AGE],
  (secret, now) => [secret.metadata.name, secret.type ?? '', count(secret.data), ageOf(secret, now)],
);

export const serviceAccountPrinter = table<KubeObject & { secrets?: object[] }>(
  [NAME, column('Secrets', 'Number of secrets.'), AGE],
  (account, now) => [account.metadata.name, account.secrets?.length ?? 0, ageOf(account, now)],
);

function count(map: object | undefined): number {
  return Object.keys(map ?? {}).length;
}
