import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogOptions, PodStreams } from '../../client/index.ts';
import { ApiError, badRequest } from '../../machinery/index.ts';
import { parseLogOptions, serveLog } from './log.ts';

type Logs = (options: LogOptions, signal: AbortSignal) => AsyncGenerator<Uint8Array>;
let logs: Logs;

const nothing = (): never => {
  throw new Error('not used here');
};
const streams: PodStreams = {
  logs: (_, options, signal) => logs(options, signal),
  exec: nothing,
  attach: nothing,
  portForward: nothing,
};

let base = '';
const server = createServer((incoming, response) => {
  const { searchParams } = new URL(incoming.url ?? '', 'http://localhost');
  serveLog(searchParams, response, { namespace: 'team', pod: 'web', container: '' }, streams).catch((error) => {
    response.writeHead(error instanceof ApiError ? error.code : 500).end(String(error.message));
  });
});
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function fetchLog(query: string, program: Logs): Promise<IncomingMessage> {
  logs = program;
  const client = get(`${base}/?${query}`, { agent: false });
  const [response] = (await once(client, 'response')) as [IncomingMessage];
  return response;
}
const textOf = async (response: IncomingMessage) => Buffer.concat(await response.toArray()).toString();

describe('serveLog', () => {
  it('sends what there is, cut at limitBytes', async () => {
    const lines: Logs = async function* () {
      yield Buffer.from('one\n');
      yield Buffer.from('two\n');
    };
    const response = await fetchLog('', lines);
    expect(response.headers['content-type']).toBe('text/plain');
    expect(await textOf(response)).toBe('one\ntwo\n');
    expect(await textOf(await fetchLog('limitBytes=6', lines))).toBe('one\ntw');
  });

  it('answers a follower before there is any output, and stops when it leaves', async () => {
    const left = Promise.withResolvers<void>();
    // biome-ignore lint/correctness/useYield: this container never says anything.
    const response = await fetchLog('follow=true', async function* (_, signal) {
      await once(signal, 'abort');
      left.resolve();
    });
    expect(response.statusCode).toBe(200);
    response.destroy();
    await left.promise;
  });

  it('answers an error as such while it can, and cuts the connection afterwards', async () => {
    // biome-ignore lint/correctness/useYield: fails at once.
    const refused = await fetchLog('', async function* () {
      throw badRequest('container is waiting to start');
    });
    expect([refused.statusCode, await textOf(refused)]).toEqual([400, 'container is waiting to start']);
    const broken = await fetchLog('', async function* () {
      yield Buffer.from('one\n');
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('the disk is gone');
    });
    await expect(textOf(broken)).rejects.toThrow(/aborted/);
  });

  it('reads no further than a slow client does', async () => {
    let read = 0;
    const response = await fetchLog('', async function* () {
      for (; read < 1000; read++) yield Buffer.alloc(256 * 1024);
    });
    response.pause();
    let before = -1;
    while (read !== before) {
      before = read;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(read).toBeLessThan(100);
    response.destroy();
  });
});

describe('parseLogOptions', () => {
  const parse = (query: string) => parseLogOptions(new URLSearchParams(query), Date.parse('2026-01-01T00:01:00Z'));

  it('reads every option', () => {
    expect(parse('')).toEqual({ follow: false, previous: false, timestamps: false });
    expect(parse('follow=true&previous=1&timestamps=True&tailLines=0&limitBytes=9&sinceSeconds=60')).toEqual({
      follow: true,
      previous: true,
      timestamps: true,
      tailLines: 0,
      limitBytes: 9,
      since: new Date('2026-01-01T00:00:00Z'),
    });
    expect(parse('sinceTime=2025-12-31T23:00:00Z').since).toEqual(new Date('2025-12-31T23:00:00Z'));
  });

  it('refuses what makes no sense', () => {
    expect(() => parse('tailLines=-1')).toThrow(
      'PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    );
    expect(() => parse('limitBytes=0')).toThrow(/must be greater than 0/);
    expect(() => parse('sinceSeconds=5&sinceTime=2025-12-31T23:00:00Z')).toThrow(/at most one of/);
    for (const query of ['tailLines=many', 'tailLines=1.5', 'limitBytes=99999999999999999999', 'sinceTime=yesterday']) {
      expect(() => parse(query), query).toThrow(ApiError);
    }
  });
});
