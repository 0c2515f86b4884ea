import { type Fields, forbidden, type KubeObject } from '../../machinery/index.ts';
import { generatedName } from '../rest/metadata.ts';
import type { Store } from '../store/store.ts';
import { type AdmissionPlugin, isNewPod, nameInRefusal } from './request.ts';

const SERVICE_ACCOUNTS = { group: '', resource: 'serviceaccounts' };
const PODS = { group: '', resource: 'pods' };
const MIRROR = 'kubernetes.io/config.mirror';
const TOKEN_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and a little, so that the token is renewed before clients that wait an hour notice. */
const TOKEN_SECONDS = 3_607;

/** The account `default` appears by itself soon after its namespace: creates of pods wait for it this long, in ms. */
const DEFAULT_ACCOUNT_PATIENCE = 2_000;

function accountOf(pod: KubeObject): string {
  return String(pod.spec?.['serviceAccountName'] || pod.spec?.['serviceAccount'] || 'default');
}

/** Waits for the namespace's `default` account if a new pod needs it and it is not there yet, as upstream does. */
export async function awaitDefaultAccount(store: Store, namespace: string, pod: KubeObject): Promise<void> {
  const key = { namespace, name: 'default' };
  const isThere = (): boolean => store.latest(SERVICE_ACCOUNTS, key) !== undefined;
  const home = store.latest({ group: '', resource: 'namespaces' }, { namespace: '', name: namespace });
  if (accountOf(pod) !== 'default' || isThere() || !home || home.object.metadata.deletionTimestamp) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, DEFAULT_ACCOUNT_PATIENCE);
  const unsubscribe = store.cache(SERVICE_ACCOUNTS).onBatch(() => {
    if (isThere()) resolve();
  });
  await promise;
  clearTimeout(timer);
  unsubscribe();
}

export function serviceAccount(store: Store): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    mutate(request) {
      if (isNewPod(request)) injectServiceAccount(store, request.object, request.namespace);
    },
  };
}

/** Gives a pod its service account, the account's pull secrets and a volume with a token, in place. */
function injectServiceAccount(store: Store, pod: KubeObject, namespace: string): void {
  const spec = pod.spec;
  if (!spec || pod.metadata.annotations?.[MIRROR] !== undefined) return;
  const name = accountOf(pod);
  spec['serviceAccountName'] = name;
  spec['serviceAccount'] = name;
  const account = store.latest(SERVICE_ACCOUNTS, { namespace, name })?.object;
  if (!account) {
    const message = `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`;
    throw forbidden(PODS, nameInRefusal(pod), message);
  }
  const secrets = account['imagePullSecrets'];
  if (!(Array.isArray(spec['imagePullSecrets']) && spec['imagePullSecrets'].length > 0) && Array.isArray(secrets)) {
    spec['imagePullSecrets'] = structuredClone(secrets);
  }
  const mounts = spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true;
  if (mounts) mountToken(spec);
}

function mountToken(spec: Fields): void {
  const volumes = (spec['volumes'] as Fields[] | undefined) ?? [];
  const existing = volumes.find((volume) => String(volume['name']).startsWith(VOLUME_PREFIX));
  const name = existing ? String(existing['name']) : generatedName(VOLUME_PREFIX);
  let needed = false;
  for (const list of [spec['initContainers'], spec['containers']]) {
    for (const container of (list as Fields[] | undefined) ?? []) {
      const mounts = (container['volumeMounts'] as Fields[] | undefined) ?? [];
      if (mounts.some((mount) => mount['mountPath'] === TOKEN_PATH)) continue;
      container['volumeMounts'] = [...mounts, { name, readOnly: true, mountPath: TOKEN_PATH }];
      needed = true;
    }
  }
  if (needed && !existing) spec['volumes'] = [...volumes, tokenVolume(name)];
}

function tokenVolume(name: string): Fields {
  const sources = [
    { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    {
      downwardAPI: {
        items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
      },
    },
  ];
  return { name, projected: { sources, defaultMode: 0o644 } };
}
