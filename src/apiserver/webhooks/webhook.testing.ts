/** A webhook for tests: an HTTPS server in this process, with an authority of its own. */
// @peculiar/x509 needs this polyfill to be there before it.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { Fields } from '../../machinery/index.ts';

export interface Received {
  path: string;
  /** The whole URL of the request, with its query. */
  url: string;
  body: Fields & { request: Fields & { uid: string } };
}

/** What a webhook does with a request: answers with a value as JSON, or does what it likes with the response. */
export type Behaviour = (received: Received, response: ServerResponse, request: IncomingMessage) => unknown;

export interface TestWebhook {
  /** 'https://127.0.0.1:PORT' */
  url: string;
  port: number;
  /** PEM in base64, as clientConfig.caBundle has it. */
  caBundle: string;
  /** Every request so far. */
  received: Received[];
  /** How many connections were made so far. */
  readonly connections: number;
  /** Says what happens at a path from now on. */
  on(path: string, behaviour: Behaviour): void;
  stop(): Promise<void>;
}

/** Starts a webhook whose certificate is for 127.0.0.1, localhost and the names given. */
export async function startWebhook(names: readonly string[] = []): Promise<TestWebhook> {
  const { caPem, cert, key } = await certificates(names);
  const behaviours = new Map<string, Behaviour>();
  const received: Received[] = [];
  let connections = 0;
  const server = createServer({ cert, key }, (request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', async () => {
      const url = request.url ?? '';
      const path = url.split('?')[0] ?? '';
      const got: Received = { path, url, body: JSON.parse(Buffer.concat(pieces).toString('utf8') || '{}') };
      received.push(got);
      const answer = await behaviours.get(path)?.(got, response, request);
      if (answer === undefined) return;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  server.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    caBundle: Buffer.from(caPem).toString('base64'),
    received,
    get connections() {
      return connections;
    },
    on: (path, behaviour) => void behaviours.set(path, behaviour),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function certificates(names: readonly string[]): Promise<{ caPem: string; cert: string; key: string }> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const authorityKeys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const notAfter = new Date(Date.now() + 3_600_000);
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=webhook-ca',
    notAfter,
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=webhook',
    issuer: authority.subject,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.SubjectAlternativeNameExtension([
        { type: 'ip', value: '127.0.0.1' },
        ...['localhost', ...names].map((value) => ({ type: 'dns' as const, value })),
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    caPem: authority.toString('pem'),
    cert: certificate.toString('pem'),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}

/** The answer to a review: allowed, with what else is given. */
export function reviewed({ body }: Received, response: Fields = {}): Fields {
  return {
    apiVersion: body['apiVersion'],
    kind: 'AdmissionReview',
    response: { uid: body.request.uid, allowed: true, ...response },
  };
}

/** A JSON patch as the answer to a review carries it. */
export function patchOf(...operations: unknown[]): Fields {
  return { patch: Buffer.from(JSON.stringify(operations)).toString('base64'), patchType: 'JSONPatch' };
}
