/**
 * A validating webhook that refuses Deployments with an image that has no version. It makes its own certificate, prints the
 * configuration that registers it, and listens on loopback:
 *
 *   node examples/policy/webhook.ts > webhook.yaml &
 *   kubectl apply -f webhook.yaml
 */
// @peculiar/x509 needs this polyfill to be there before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import * as x509 from '@peculiar/x509';

interface Review {
  apiVersion: string;
  kind: string;
  request: {
    uid: string;
    object: { spec: { template: { spec: { containers: { image: string }[] } } } };
  };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const certificate = await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=image-version',
  keys,
  signingAlgorithm: algorithm,
  notAfter: new Date(Date.now() + 86_400_000),
  extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
});
const cert = certificate.toString('pem');
const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');

const server = createServer({ cert, key }, async (request, response) => {
  const { apiVersion, kind, request: asked } = JSON.parse(await text(request)) as Review;
  const images = asked.object.spec.template.spec.containers.map(({ image }) => image);
  const vague = images.filter((image) => !image.includes(':') || image.endsWith(':latest'));
  const answer =
    vague.length === 0
      ? { allowed: true }
      : { allowed: false, status: { code: 403, message: `which version of ${vague.join(', ')}? Say one` } };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, ...answer } }));
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  const rule = {
    apiGroups: ['apps'],
    apiVersions: ['v1'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['deployments'],
  };
  const configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'image-version' },
    webhooks: [
      {
        name: 'image-version.example.com',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(cert).toString('base64') },
        rules: [rule],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 5,
      },
    ],
  };
  // JSON is YAML.
  console.log(JSON.stringify(configuration, null, 2));
});
