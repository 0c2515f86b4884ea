import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpTransport, type HttpTransport, type HttpTransportConfig } from './http-transport.ts';
import { testCertificate, testKey } from './testing/certificate.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const running: { server: Server; transport: HttpTransport }[] = [];
afterEach(async () => {
  for (const { server, transport } of running.splice(0)) {
    transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(handler: Handler, config: Partial<HttpTransportConfig> = {}): Promise<HttpTransport> {
  const server = createServer({ cert: testCertificate, key: testKey }, handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = createHttpTransport({ server: `https://127.0.0.1:${port}`, caPem: testCertificate, ...config });
  running.push({ server, transport });
  return transport;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('an HTTP transport', () => {
  it('sends method, path, query, body and token and reads the answer', async () => {
    const transport = await serve(
      async (request, response) => {
        const { method, url, headers } = request;
        response.end(JSON.stringify({ method, url, token: headers.authorization, body: await readBody(request) }));
      },
      { token: 'secret' },
    );
    const query = { fieldManager: 'a b', dryRun: undefined };
    expect(await transport.request({ method: 'PUT', path: '/api/v1/nodes/x', query, body: { ä: 1 } })).toEqual({
      method: 'PUT',
      url: '/api/v1/nodes/x?fieldManager=a+b',
      token: 'Bearer secret',
      body: '{"ä":1}',
    });
  });

  it('reads its token from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'homeport-token-'));
    await writeFile(join(folder, 'token'), 'from-file\n');
    const transport = await serve((request, response) => response.end(JSON.stringify(request.headers.authorization)), {
      tokenFile: join(folder, 'token'),
    });
    expect(await transport.request({ method: 'GET', path: '/' })).toBe('Bearer from-file');
    await rm(folder, { recursive: true });
  });

  it('throws the Status that the server answers, or the text of whatever else answers', async () => {
    const status = { kind: 'Status', code: 404, reason: 'NotFound', message: 'pods "x" not found' };
    const transport = await serve((request, response) => {
      response.statusCode = request.url === '/x' ? 404 : 502;
      response.end(request.url === '/x' ? JSON.stringify(status) : 'Bad Gateway');
    });
    const get = (path: string) => transport.request({ method: 'GET', path });
    await expect(get('/x')).rejects.toMatchObject({ code: 404, reason: 'NotFound', message: 'pods "x" not found' });
    await expect(get('/y')).rejects.toMatchObject({ code: 502, message: 'Bad Gateway' });
  });

  it('gives an answer in plain text as a string, up to a size', async () => {
    const transport = await serve((request, response) => {
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.end(request.url === '/log' ? 'ä\n{}' : Buffer.alloc(9 * 1024 * 1024));
    });
    expect(await transport.request({ method: 'GET', path: '/log' })).toBe('ä\n{}');
    await expect(transport.request({ method: 'GET', path: '/huge' })).rejects.toThrow('too large');
  });

  it('sends an idempotent request again when the server asks to wait, and no other', async () => {
    let count = 0;
    const transport = await serve((_, response) => {
      count += 1;
      if (count > 2) {
        response.end('{}');
        return;
      }
      response.writeHead(429, { 'retry-after': '0' }).end();
    });
    expect(await transport.request({ method: 'GET', path: '/' })).toEqual({});
    expect(count).toBe(3);
    count = 0;
    await expect(transport.request({ method: 'POST', path: '/', body: {} })).rejects.toMatchObject({ code: 429 });
    expect(count).toBe(1);
  });

  it('gives a server up that does not answer', async () => {
    const transport = await serve(() => undefined, { timeout: 50 });
    await expect(transport.request({ method: 'GET', path: '/' })).rejects.toMatchObject({ code: 504 });
  });

  it('yields the events of a watch as they come and ends with the signal', async () => {
    const transport = await serve((request, response) => {
      const { searchParams } = new URL(request.url ?? '', 'https://localhost');
      expect(Number(searchParams.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
      response.write('{"type":"ADDED","object":{"n":1}}\n{"type":"MOD');
      setImmediate(() => response.write('IFIED","object":{"n":2}}\n'));
    });
    const stop = new AbortController();
    const seen: unknown[] = [];
    const query = { watch: 'true' };
    for await (const event of transport.watch({ method: 'GET', path: '/', query, signal: stop.signal })) {
      seen.push(event);
      if (seen.length === 2) stop.abort();
    }
    expect(seen).toEqual([
      { type: 'ADDED', object: { n: 1 } },
      { type: 'MODIFIED', object: { n: 2 } },
    ]);
  });

  it('throws what a refused watch is answered', async () => {
    const transport = await serve((_, response) => {
      response.statusCode = 410;
      response.end('{"kind":"Status","code":410,"reason":"Expired"}');
    });
    const watch = transport.watch({ method: 'GET', path: '/' });
    await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('refuses a server that it cannot trust, and one without TLS', async () => {
    const transport = await serve((_, response) => response.end('{}'), { caPem: undefined });
    await expect(transport.request({ method: 'GET', path: '/' })).rejects.toThrow('self-signed certificate');
    expect(() => createHttpTransport({ server: 'http://127.0.0.1' })).toThrow('only https is supported');
  });
});
