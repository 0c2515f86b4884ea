// TLS and plain HTTP on one port: who is shown which certificate, and what is told when there is none.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { serverCertificate } from '../../../test/support/certificates.ts';
import { type KubeObject, keyOf } from '../../machinery/index.ts';
import { ingressClasses, ingresses, secrets } from '../pod.ts';
import { createBackends } from '../proxy/backends.ts';
import { startTestIngress, type TestIngress } from './ingress.testing.ts';
import { watchProblems } from './problems.ts';

let ingress: TestIngress;
let backend: Server;
let stored: Map<string, KubeObject>;
let reads: string[];

beforeEach(async () => {
  stored = new Map();
  reads = [];
  ingress = await startTestIngress(async (namespace, name) => {
    reads.push(name);
    const found = stored.get(`${namespace}/${name}`);
    if (!found) throw new Error(`secrets "${name}" not found`);
    return found;
  });
  backend = await ingress.serve((request, response) => {
    response.end(`${request.headers.host} ${request.headers['x-forwarded-proto']}`);
  });
  ingress.publish('web', [backend]);
});
afterEach(() => ingress.stop());

let versions = 0;
function secret(name: string, data: Partial<Record<string, string>>): void {
  versions += 1;
  const encoded = Object.entries(data).map(([field, text]) => [field, Buffer.from(text ?? '').toString('base64')]);
  const object = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'a', resourceVersion: String(versions) },
    data: Object.fromEntries(encoded),
  };
  stored.set(keyOf(object), object);
  ingress.informers.put(secrets, object);
}

function rule(name: string, host: string | undefined, secretName: string, more: object = {}): void {
  const paths = [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }];
  ingress.informers.put(ingresses, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: 'a', uid: name },
    spec: {
      rules: [{ ...(host ? { host } : {}), http: { paths } }],
      tls: [{ ...(host ? { hosts: [host] } : {}), secretName }],
      ...more,
    },
  });
}

/** The host that the certificate which a client is shown is for, or the code of its error. */
async function shown(servername: string): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port: ingress.port, servername, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    socket.destroy();
  }
}

async function get(host: string, secure: boolean): Promise<string> {
  const send = secure ? httpsRequest : httpRequest;
  const tls = { servername: host, rejectUnauthorized: false, agent: false as const };
  const request = send({ host: '127.0.0.1', port: ingress.port, headers: { host }, ...tls }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

test('one port speaks both, and the endpoint learns which', async () => {
  secret('tls', await serverCertificate('app.example.org'));
  rule('one', 'app.example.org', 'tls');
  expect(await get('app.example.org', true)).toBe('app.example.org https');
  expect(await get('app.example.org', false)).toBe('app.example.org http');
});

test('the certificate is that of the name that is asked for', async () => {
  secret('exact', await serverCertificate('app.example.org'));
  secret('wild', await serverCertificate('*.example.org'));
  rule('one', '*.example.org', 'wild');
  rule('two', 'app.example.org', 'exact');
  expect(await shown('app.example.org')).toBe('app.example.org');
  expect(await shown('APP.example.org')).toBe('app.example.org');
  expect(await shown('other.example.org')).toBe('*.example.org');
  expect(await shown('a.b.example.org')).toMatch(/HANDSHAKE_FAILURE|UNRECOGNIZED_NAME/);
  secret('any', await serverCertificate('any.example.net'));
  rule('three', undefined, 'any');
  expect(await shown('a.b.example.org')).toBe('any.example.net');
});

test('a Secret is read once, and again when it has changed', async () => {
  secret('tls', await serverCertificate('old.example.org'));
  rule('one', 'app.example.org', 'tls');
  expect([await shown('app.example.org'), await shown('app.example.org')]).toEqual([
    'old.example.org',
    'old.example.org',
  ]);
  expect(reads).toEqual(['tls']);
  secret('tls', await serverCertificate('new.example.org'));
  expect(await shown('app.example.org')).toBe('new.example.org');
});

test('WebSockets pass over TLS', async () => {
  secret('tls', await serverCertificate('app.example.org'));
  rule('one', 'app.example.org', 'tls');
  const sockets = new WebSocketServer({ server: backend });
  sockets.on('connection', (client) => client.on('message', (text) => client.send(`echo ${text}`)));
  const headers = { host: 'app.example.org' };
  const options = { headers, servername: 'app.example.org', rejectUnauthorized: false };
  const client = new WebSocket(`wss://127.0.0.1:${ingress.port}`, options);
  await once(client, 'open');
  client.send('hello');
  expect(String((await once(client, 'message'))[0])).toBe('echo hello');
  client.close();
  await once(client, 'close');
});

test('a connection that is neither ends with an error, and breaks nothing', async () => {
  for (const bytes of [[0x16, 1, 2, 3, 4, 5, 6, 7], [0, 0, 0], [0x16]]) {
    const socket = connectPlain(ingress.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(Buffer.from(bytes));
    socket.resume();
    await once(socket, 'close');
  }
  rule('one', 'app.example.org', 'tls');
  expect(await get('app.example.org', false)).toBe('app.example.org http');
});

test('an Ingress that names what is not there gets an Event for each thing, once', async () => {
  const recorded: string[] = [];
  const stop = watchProblems({
    informers: ingress.informers,
    backends: createBackends(ingress.informers),
    certificates: ingress.certificates,
    recorder: {
      event: (_about, _type, reason, message) => void recorded.push(`${reason}: ${message}`),
      flush: async () => undefined,
    },
  });
  const backendOf = (name: string, number: number) => ({ service: { name, port: { number } } });
  rule('one', 'app.example.org', 'missing', { defaultBackend: backendOf('nobody', 80) });
  rule('two', 'two.example.org', 'empty', { defaultBackend: backendOf('web', 81) });
  rule('other', 'x', 'missing', { ingressClassName: 'theirs' });
  const theirs = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: 'theirs' } };
  ingress.informers.put(ingressClasses, { ...theirs, spec: { controller: 'example.org/theirs' } });
  secret('empty', {});
  const all = [
    'CertificateNotUsable: the Secret a/empty has no tls.crt',
    'CertificateNotUsable: the certificate of the Secret a/missing cannot be used: secrets "missing" not found',
    'ServiceNotFound: the Service a/nobody does not exist',
    'ServicePortNotFound: the Service a/web has no TCP port 81',
  ];
  await expect.poll(() => recorded.toSorted(), { timeout: 5_000 }).toEqual(all);
  secret('missing', await serverCertificate('app.example.org'));
  secret('empty', { 'tls.crt': 'x', 'tls.key': 'y' });
  await expect.poll(() => recorded.slice(all.length), { timeout: 5_000 }).toHaveLength(1);
  expect(recorded.at(-1)).toMatch(/^CertificateNotUsable: the certificate of the Secret a\/empty cannot be used: /);
  stop();
});

test('Ingresses of a class that another controller has are left to it', async () => {
  rule('one', 'app.example.org', 'tls', { ingressClassName: 'nginx' });
  expect(await get('app.example.org', false)).toBe('app.example.org http');
  const metadata = { name: 'nginx', annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } };
  const nginx = { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata };
  ingress.informers.put(ingressClasses, { ...nginx, spec: { controller: 'k8s.io/ingress-nginx' } });
  expect(await get('app.example.org', false)).toContain('nothing answers at');
  rule('one', 'app.example.org', 'tls');
  expect(await get('app.example.org', false), 'nor those of the default class').toContain('nothing answers at');
  ingress.informers.put(ingressClasses, { ...nginx, spec: { controller: 'homeport.dev/ingress' } });
  expect(await get('app.example.org', false)).toBe('app.example.org http');
});
