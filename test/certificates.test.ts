// How a person gets a client certificate: a request, an approval, a certificate that works. Without openssl.
import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { eventually } from './support/run.ts';

let platform: TestHomeport;
const kubectl: TestHomeport['kubectl'] = (args, options) => platform.kubectl(args, options);
beforeAll(async () => {
  platform = await startHomeport(['--runtime', 'simulated']);
});
afterAll(() => platform.stop());

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A key, and a CertificateSigningRequest for a name of its holder. */
async function requestFor(name: string, subject: string, usages: string[], signerName: string) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const keys = {
    privateKey: privateKey.toCryptoKey(P256, true, ['sign']),
    publicKey: createPublicKey(privateKey).toCryptoKey(P256, true, ['verify']),
  };
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name: subject, keys, signingAlgorithm: P256 });
  const manifest = {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name },
    spec: { request: Buffer.from(csr.toString('pem')).toString('base64'), signerName, usages },
  };
  return { keyPem, manifest: JSON.stringify(manifest) };
}

const CLIENT = 'kubernetes.io/kube-apiserver-client';

/** The certificate in a request's status, in PEM, when it is there. */
function certificateOf(name: string): Promise<string> {
  return eventually(`the certificate of ${name}`, async () => {
    const base64 = await kubectl(['get', 'csr', name, '-o', 'jsonpath={.status.certificate}']);
    return base64 === '' ? undefined : Buffer.from(base64, 'base64').toString();
  });
}

test('a request that is approved becomes a certificate that works', async () => {
  const { keyPem, manifest } = await requestFor('ann', 'O=devs, CN=ann', ['client auth'], CLIENT);
  await kubectl('create -f -', { input: manifest });
  expect(await kubectl('get csr ann')).toMatch(/ann .* kubernetes\.io\/kube-apiserver-client .* Pending/);
  expect(await kubectl('certificate approve ann')).toContain(
    'certificatesigningrequest.certificates.k8s.io/ann approved',
  );
  const certificate = await certificateOf('ann');
  expect(await kubectl('get csr ann')).toContain('Approved,Issued');

  const [cert, key] = [join(platform.dataDir, 'ann.crt'), join(platform.dataDir, 'ann.key')];
  writeFileSync(cert, certificate);
  writeFileSync(key, keyPem, { mode: 0o600 });
  await kubectl(['config', 'set-credentials', 'ann', `--client-certificate=${cert}`, `--client-key=${key}`]);
  const who = JSON.parse(await kubectl('auth whoami -o json --user ann'));
  expect(who.status.userInfo).toMatchObject({ username: 'ann', groups: ['devs', 'system:authenticated'] });
  const refused = await platform.tryKubectl('get secrets --user ann');
  expect(refused.stderr).toContain('User "ann" cannot list resource "secrets"');
});

test('nobody gets a certificate of the masters, and who may not approve does not', async () => {
  const masters = await requestFor('root', 'O=system:masters, CN=root', ['client auth'], CLIENT);
  const refused = await platform.tryKubectl('create -f -', { input: masters.manifest });
  expect(refused.stderr).toContain(`use of ${CLIENT} signer with system:masters group is not allowed`);

  const { manifest } = await requestFor('bob', 'CN=bob', ['client auth'], CLIENT);
  await kubectl('create -f -', { input: manifest });
  await kubectl('create clusterrole approver --verb=get,list,update --resource=csr,csr/approval');
  await kubectl('create clusterrolebinding approver --clusterrole=approver --user=eve');
  const approval = await platform.tryKubectl('certificate approve bob --as eve');
  expect(approval.stderr).toContain(`user not permitted to approve requests with signerName "${CLIENT}"`);
  await kubectl('certificate deny bob');
  expect(await kubectl('get csr bob')).toContain('Denied');
});

test('what the signer may not sign is marked as failed', async () => {
  const { manifest } = await requestFor('server', 'CN=server', ['server auth'], CLIENT);
  await kubectl('create -f -', { input: manifest });
  await kubectl('certificate approve server');
  const message = await eventually('a failure', async () => {
    const path = "jsonpath={.status.conditions[?(@.type=='Failed')].message}";
    return (await kubectl(['get', 'csr', 'server', '-o', path])) || undefined;
  });
  expect(message).toBe('invalid usage for client certificate: server auth');
});

test('a node that asks for its own certificate gets it by itself', async () => {
  const usages = ['digital signature', 'client auth'];
  const { manifest } = await requestFor('node', 'O=system:nodes, CN=system:node:n1', usages, `${CLIENT}-kubelet`);
  await kubectl(
    'create clusterrolebinding nodes --group=system:nodes --clusterrole=system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
  );
  await kubectl('create clusterrolebinding ask --group=system:nodes --clusterrole=system:node-bootstrapper');
  await kubectl('create -f - --as system:node:n1 --as-group system:nodes', { input: manifest });
  const certificate = new x509.X509Certificate(await certificateOf('node'));
  expect(certificate.subject).toContain('system:node:n1');
  expect(await kubectl('get csr node -o yaml')).toContain('Auto approving self kubelet client certificate');
});
