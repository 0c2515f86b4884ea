import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import type { Handler } from '../pod.ts';
import type { RunningContainer } from '../runtime.ts';
import { runHandler } from './handler.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterAll(() => {
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
});

async function listen<S extends Server>(server: S): Promise<number> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket));
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const run = (handler: Handler, timeout = 5000) =>
  runHandler(
    handler,
    {
      container: { name: 'main', ports: [{ name: 'web', containerPort: 1 }] },
      running: {} as RunningContainer,
      podIp: '127.0.0.1',
      userAgent: 'kube-probe/1.34',
    },
    timeout,
  );

describe('httpGet', async () => {
  const seen: string[] = [];
  const port = await listen(
    createHttpServer((request, response) => {
      const { url = '', headers } = request;
      seen.push(`${url} ${headers['user-agent']} ${headers.host} ${headers['x-a']} ${headers.accept}`);
      const [, code = '200', location] = /^\/(\d+)(?:\?to=(.*))?$/.exec(url) ?? [];
      response.writeHead(Number(code), location ? { location } : {}).end(url === '/slow' ? '' : `this is ${url}`);
    }),
  );
  const get = (path: string, more = {}) => run({ httpGet: { path, port, ...more } });

  test('is content with 200 to 399, and says which other status came', async () => {
    expect((await get('/204')).outcome).toBe('success');
    expect((await get('/304')).outcome).toBe('success');
    expect(await get('/503')).toEqual({ outcome: 'failure', output: 'HTTP probe failed with statuscode: 503' });
  });

  test('follows redirects on the same host only', async () => {
    expect(await get('/302?to=/404')).toMatchObject({ output: 'HTTP probe failed with statuscode: 404' });
    expect((await get(`/302?to=http://127.0.0.1:${port}/200`)).outcome).toBe('success');
    expect(await get('/302?to=http://example.com/')).toEqual({
      outcome: 'warning',
      output: 'Probe terminated redirects, Response body: this is /302?to=http://example.com/',
    });
    expect((await get('/302?to=/302')).outcome).toBe('success');
  });

  test('sends the headers as they are written', async () => {
    const httpHeaders = ['Host', 'X-A', 'X-A'].map((name, at) => ({ name, value: `v${at}` }));
    await get('/200', { httpHeaders });
    await get('/200', { httpHeaders: [{ name: 'Accept', value: '' }] });
    await get('no/../slash');
    expect(seen.slice(-3)).toEqual([
      '/200 kube-probe/1.34 v0 v1, v2 */*',
      `/200 kube-probe/1.34 127.0.0.1:${port} undefined undefined`,
      `/no/../slash kube-probe/1.34 127.0.0.1:${port} undefined */*`,
    ]);
  });

  test('tells why there is no answer in the words of the reference', async () => {
    const closed = await freePort();
    expect((await run({ httpGet: { port: closed, path: '/x' } })).output).toBe(
      `Get "http://127.0.0.1:${closed}/x": dial tcp 127.0.0.1:${closed}: connect: connection refused`,
    );
    const silent = await listen(createServer(() => undefined));
    expect((await run({ httpGet: { port: silent, path: '/' } }, 50)).output).toBe(
      `Get "http://127.0.0.1:${silent}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    );
    expect((await get('/', { scheme: 'HTTPS' })).output).toBe(
      `Get "https://127.0.0.1:${port}/": http: server gave HTTP response to HTTPS client`,
    );
    expect(await run({ httpGet: { port: 'nope' } })).toEqual({
      outcome: 'error',
      output: `couldn't find port: "nope"`,
    });
  });
});

test('tcpSocket finds out whether a port is open', async () => {
  const port = await listen(createServer((socket) => socket.on('error', () => undefined)));
  expect((await run({ tcpSocket: { port } })).outcome).toBe('success');
  const closed = await freePort();
  expect(await run({ tcpSocket: { port: closed } })).toEqual({
    outcome: 'failure',
    output: `dial tcp 127.0.0.1:${closed}: connect: connection refused`,
  });
});

describe('grpc', async () => {
  /** A health service that answers by the name of the service that it is asked about. */
  const answers: Record<string, (stream: ServerHttp2Stream) => void> = {
    '': (stream) => reply(stream, 1),
    sick: (stream) => reply(stream, 2),
    unnamed: (stream) => reply(stream, 0),
    ['x'.repeat(200)]: (stream) => reply(stream, 1),
    lost: (stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown%20service' }, { endStream: true }),
    failing: (stream) =>
      stream.respond({ ':status': 200, 'grpc-status': '5', 'grpc-message': 'no such' }, { endStream: true }),
    slow: () => undefined,
    web: (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
  };
  function reply(stream: ServerHttp2Stream, status: number): void {
    const message = status === 0 ? Buffer.alloc(0) : Buffer.of(0x08, status);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]));
  }
  const server = createHttp2Server();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      expect(headers).toMatchObject({ ':path': '/grpc.health.v1.Health/Check', te: 'trailers' });
      const body = Buffer.concat(chunks);
      expect(body.readUInt32BE(1)).toBe(body.length - 5);
      // Field 1, and a length of one byte or two.
      const service = body.subarray(body.length > 130 ? 8 : 7).toString();
      answers[service]?.(stream);
    });
  });
  const port = await listen(server);
  const ask = (service?: string, timeout = 3000) =>
    run({ grpc: { port, ...(service === undefined ? {} : { service }) } }, timeout);

  test('asks the health service, of the server or one of its services', async () => {
    expect(await ask()).toEqual({ outcome: 'success', output: 'service healthy' });
    expect((await ask('x'.repeat(200))).outcome).toBe('success');
    expect(await ask('sick')).toEqual({
      outcome: 'failure',
      output: 'service unhealthy (responded with "NOT_SERVING")',
    });
    expect((await ask('unnamed')).output).toBe('service unhealthy (responded with "UNKNOWN")');
  });

  test('says what went wrong in the words of the reference', async () => {
    expect((await ask('lost')).output).toBe(
      'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service',
    );
    expect((await ask('failing')).output).toBe(
      'error: health rpc probe failed: rpc error: code = NotFound desc = no such',
    );
    expect((await ask('slow', 200)).output).toBe('timeout: health rpc did not complete within 0.2s');
    expect((await ask('web')).output).toContain('unexpected HTTP status code 404');
    const closed = await freePort();
    expect((await run({ grpc: { port: closed } }, 200)).output).toBe(
      `timeout: failed to connect service "127.0.0.1:${closed}" within 0.2s: context deadline exceeded`,
    );
  });
});
