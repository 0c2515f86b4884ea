import type { KubeObject } from '../machinery/index.ts';
import { type Fault, rank } from './fault.ts';
import { listAt, textAt } from './status.ts';

interface Missing {
  kind: 'ConfigMap' | 'Secret';
  name: string;
  key: string | undefined;
}

/**
 * A ConfigMap, a Secret or a key of one that a pod names and that is not there, from the kubelet's message.
 * @param within the container ('spec', 'containers', '0') or, for volumes, the whole spec.
 */
export function missingReference(pod: KubeObject, within: readonly string[], message: string): Fault | undefined {
  const missing = missingIn(message);
  if (missing === undefined) return undefined;
  const { kind, name, key } = missing;
  const path = pathOfReference(pod, within, missing);
  const problem = key === undefined ? `${kind} ${name} does not exist` : `${kind} ${name} has no key ${key}`;
  const create = key === undefined ? 'create it' : 'add it';
  const remedy = (field: string | undefined) => (field === undefined ? create : `${create} or change ${field}`);
  return { at: pod, rank: rank.root, problem, remedy, fixer: 'developer', ...(path ? { path } : {}) };
}

function missingIn(message: string): Missing | undefined {
  const text = message.slice(0, 4000);
  const key = /couldn't find key (\S+) in (ConfigMap|Secret) (?:[^\s/]+\/)?([^\s,;]+)/i.exec(text);
  if (key) return { kind: kindOf(key[2] ?? ''), name: key[3] ?? '', key: key[1] };
  const whole = /(configmap|secret)s? "([^"]+)" not found/i.exec(text);
  if (whole) return { kind: kindOf(whole[1] ?? ''), name: whole[2] ?? '', key: undefined };
  const nonexistent = /references non-existent (config|secret) key: (\S+)/i.exec(text);
  if (!nonexistent) return undefined;
  return { kind: nonexistent[1] === 'secret' ? 'Secret' : 'ConfigMap', name: '', key: nonexistent[2] };
}

const kindOf = (word: string): Missing['kind'] => (word.toLowerCase() === 'secret' ? 'Secret' : 'ConfigMap');

function pathOfReference(pod: KubeObject, within: readonly string[], missing: Missing): string[] | undefined {
  const isVolume = within.length === 1;
  return isVolume ? volumePath(pod, missing) : (envPath(pod, within, missing) ?? volumePath(pod, missing));
}

function envPath(pod: KubeObject, container: readonly string[], missing: Missing): string[] | undefined {
  const reference = missing.kind === 'Secret' ? 'secretKeyRef' : 'configMapKeyRef';
  const env = listAt(pod, [...container, 'env']);
  const index = env.findIndex(
    (entry) =>
      textAt(entry, ['valueFrom', reference, 'name']) === missing.name &&
      (missing.key === undefined || textAt(entry, ['valueFrom', reference, 'key']) === missing.key),
  );
  const field = missing.key === undefined ? 'name' : 'key';
  if (index >= 0) return [...container, 'env', String(index), 'valueFrom', reference, field];
  const whole = missing.kind === 'Secret' ? 'secretRef' : 'configMapRef';
  const from = listAt(pod, [...container, 'envFrom']).findIndex(
    (entry) => textAt(entry, [whole, 'name']) === missing.name,
  );
  return from >= 0 ? [...container, 'envFrom', String(from), whole, 'name'] : undefined;
}

function volumePath(pod: KubeObject, missing: Missing): string[] | undefined {
  const [type, field] = missing.kind === 'Secret' ? ['secret', 'secretName'] : ['configMap', 'name'];
  const volumes = listAt(pod.spec, ['volumes']);
  const index = volumes.findIndex((volume) => textAt(volume, [type, field]) === missing.name);
  if (index >= 0) return ['spec', 'volumes', String(index), type, field];
  if (missing.key === undefined) return undefined;
  const withKey = volumes.findIndex((volume) =>
    listAt(volume, [type, 'items']).some((item) => item['key'] === missing.key),
  );
  return withKey >= 0 ? ['spec', 'volumes', String(withKey), type, 'items'] : undefined;
}
