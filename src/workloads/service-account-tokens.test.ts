import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type TestCluster } from '../../test/support/cluster.ts';
import { eventually } from '../../test/support/run.ts';
import type { KubeObject } from '../machinery/index.ts';
import { secrets, serviceAccounts } from './resources.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const key = { namespace: 'default', name: 'robot-token' };
const tokenSecret = (account: string): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token' },
  metadata: { ...key, annotations: { 'kubernetes.io/service-account.name': account } },
});

async function userOf(token: string): Promise<unknown> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  const { status } = await cluster.client.post<{ status: { user: { username?: string } } }>(path, review);
  return status.user.username;
}

test('a Secret for tokens gets one, which lasts as long as both the Secret and the account', async () => {
  const { client } = cluster;
  const metadata = { namespace: 'default', name: 'robot' };
  const account: KubeObject = await client.create(serviceAccounts, {
    ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata },
  });
  await client.create(secrets, tokenSecret('robot'));
  const filled = async (): Promise<{ token: string; secret: KubeObject }> =>
    eventually('a token', async () => {
      const secret = await client.get(secrets, key);
      const token = (secret['data'] as Record<string, string> | undefined)?.['token'];
      return token ? { secret, token: Buffer.from(token, 'base64').toString() } : undefined;
    });
  const { secret, token } = await filled();
  expect(secret).toMatchObject({
    metadata: { annotations: { 'kubernetes.io/service-account.uid': account.metadata.uid } },
    data: {
      'ca.crt': expect.stringMatching(/^LS0tLS1CRUdJTi/),
      namespace: Buffer.from('default').toString('base64'),
    },
  });
  expect(await userOf(token)).toBe('system:serviceaccount:default:robot');

  await client.delete(secrets, key);
  expect(await userOf(token)).toBeUndefined();

  await client.create(secrets, tokenSecret('robot'));
  const { token: second } = await filled();
  expect(await userOf(second)).toBe('system:serviceaccount:default:robot');
  await client.delete(serviceAccounts, metadata);
  await eventually('the Secret to go', async () => !(await client.find(secrets, key)) || undefined);
  expect(await userOf(second)).toBeUndefined();
});
