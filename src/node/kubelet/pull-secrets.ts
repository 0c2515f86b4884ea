import { isReason } from '../../machinery/index.ts';
import { type Pod, secrets } from '../pod.ts';
import type { KubeletDeps } from './deps.ts';

/** Where each type of Secret keeps its docker configuration. */
const keys: Partial<Record<string, string>> = {
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
  'kubernetes.io/dockercfg': '.dockercfg',
};

/**
 * The docker configurations of a pod's imagePullSecrets. One that is not there is said in an Event, and done without.
 * @throws Error for a Secret whose content cannot be read.
 */
export async function pullSecretsOf(
  pod: Pod,
  { client, recorder }: Pick<KubeletDeps, 'client' | 'recorder'>,
): Promise<unknown[]> {
  const names = (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
  const missing: string[] = [];
  const configurations: unknown[] = [];
  for (const name of names) {
    try {
      const secret = await client.get(secrets, { name, namespace: pod.metadata.namespace });
      const key = keys[String(secret['type'])];
      const data = (secret['data'] ?? {}) as Record<string, string>;
      const text = key === undefined ? undefined : data[key];
      if (text !== undefined) configurations.push(parse(text, name));
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    const message = `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`;
    recorder.event(pod, 'Warning', 'FailedToRetrieveImagePullSecret', message);
  }
  return configurations;
}

function parse(base64: string, name: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch {
    // The parser's own words would show a part of the secret.
    throw new Error(`the image pull secret ${JSON.stringify(name)} does not hold JSON`);
  }
}
