import { type Controller, createController, type PlatformContext } from '../client/index.ts';
import { isReason, type KubeObject, keyOf } from '../machinery/index.ts';
import { secrets, serviceAccounts } from './resources.ts';

const TYPE = 'kubernetes.io/service-account-token';
const NAME = 'kubernetes.io/service-account.name';
const UID = 'kubernetes.io/service-account.uid';
/** The longest that TokenRequest gives: such a token is over when its Secret or its account goes. */
const FOR_EVER = 2 ** 32;

/**
 * Fills Secrets of type kubernetes.io/service-account-token with a token of the account that their annotation names, bound
 * to the Secret, and removes those whose account is gone.
 */
export function serviceAccountTokenController(context: PlatformContext, caPem: string): Controller {
  const { client, informers } = context;
  const secretInformer = informers.for(secrets);
  const accountInformer = informers.for(serviceAccounts);

  async function reconcile(key: string): Promise<undefined> {
    const secret = secretInformer.get(key);
    if (!secret || !isTokenSecret(secret) || secret.metadata.deletionTimestamp) return;
    const { namespace = '', name, uid, annotations = {} } = secret.metadata;
    const account = accountInformer.get(`${namespace}/${annotations[NAME]}`);
    const live = account ?? (await client.find(serviceAccounts, { namespace, name: annotations[NAME] ?? '' }));
    if (!live || (annotations[UID] && annotations[UID] !== live.metadata.uid)) {
      await ignoring('NotFound', client.delete(secrets, { namespace, name }, { uid }));
      return;
    }
    const data = (secret['data'] ?? {}) as Record<string, string>;
    const wanted = { 'ca.crt': base64(caPem), namespace: base64(namespace) };
    const isComplete =
      data['token'] && annotations[UID] && Object.entries(wanted).every(([field, value]) => data[field] === value);
    if (isComplete) return;
    const token = data['token'] || base64(await tokenFor(live, { namespace, name, uid }));
    const metadata = { ...secret.metadata, annotations: { ...annotations, [UID]: live.metadata.uid ?? '' } };
    await ignoring('NotFound', client.update(secrets, { ...secret, metadata, data: { ...data, ...wanted, token } }));
  }

  async function tokenFor(account: KubeObject, secret: { namespace: string; name: string; uid?: string | undefined }) {
    const path = `/api/v1/namespaces/${secret.namespace}/serviceaccounts/${account.metadata.name}/token`;
    const { status } = await client.post<{ status: { token: string } }>(path, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds: FOR_EVER,
        boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name: secret.name, uid: secret.uid },
      },
    });
    return status.token;
  }

  return createController({
    name: 'token-controller',
    context,
    sources: [
      { resource: secrets, keys: (secret) => (isTokenSecret(secret) ? [keyOf(secret)] : []) },
      {
        resource: serviceAccounts,
        keys: ({ metadata }) =>
          secretInformer
            .list(metadata.namespace)
            .filter((secret) => isTokenSecret(secret) && secret.metadata.annotations?.[NAME] === metadata.name)
            .map(keyOf),
      },
    ],
    reconcile,
  });
}

function isTokenSecret(secret: KubeObject): boolean {
  return secret['type'] === TYPE && Boolean(secret.metadata.annotations?.[NAME]);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

async function ignoring(reason: string, action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    if (!isReason(error, reason)) throw error;
  }
}
