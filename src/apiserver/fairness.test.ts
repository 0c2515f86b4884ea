// Clients that ask for too much, read too slowly or never finish, over real connections.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from './index.ts';

let folder: string;
let server: ApiServer;
const sockets = new Set<TLSSocket>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'homeport-fair-'));
  const tokenAuthFile = join(folder, 'tokens.csv');
  writeFileSync(tokenAuthFile, 'root,root,1,system:masters\ngreedy,greedy,2,readers\nmodest,modest,3,readers\n');
  server = await startApiServer({ tokenAuthFile });
  const transport = server.transport();
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }];
  await transport.request({
    method: 'POST',
    path: `${rbac}/clusterroles`,
    body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'r' }, rules },
  });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' };
  const subjects = [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'readers' }];
  await transport.request({
    method: 'POST',
    path: `${rbac}/clusterrolebindings`,
    body: {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'r' },
      roleRef,
      subjects,
    },
  });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const MAPS = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, x: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { x },
});

interface Answer {
  code: number;
  headers: NodeJS.Dict<string | string[]>;
  text: string;
}

function ask(path: string, token: string, options: RequestOptions = {}, body?: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers };
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}${path}`, { ca: server.caPem, ...options, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A connection whose bytes are written and read by hand. */
async function dial(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.caPem });
  sockets.add(socket);
  socket.on('error', () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

async function readUntil(socket: TLSSocket, enough: RegExp): Promise<string> {
  let text = '';
  socket.setEncoding('latin1');
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (enough.test(text)) break;
  }
  return text;
}

test('a timeout that is no duration is refused in the words of upstream; others are obeyed', async () => {
  const wrong = await ask(`${MAPS}?timeout=abc`, 'root');
  expect([wrong.code, JSON.parse(wrong.text)]).toMatchObject([
    400,
    { message: 'invalid timeout specified in the request URL - time: invalid duration "abc"', reason: 'BadRequest' },
  ]);
  for (const timeout of ['1h', '0s', '-1s', '1m30.5s', '0']) {
    expect((await ask(`${MAPS}?timeout=${timeout}`, 'root')).code, timeout).toBe(200);
  }
});

test('a body that does not arrive is answered with 504 when its time is over, and its connection ends', async () => {
  const socket = await dial();
  socket.write(
    `POST ${MAPS}?timeout=300ms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\nContent-Length: 1000\r\n\r\n{"api`,
  );
  const answer = await readUntil(socket, /never/);
  expect(answer).toMatch(/^HTTP\/1\.1 504 /);
  expect(answer).toContain(
    '"message":"Timeout: request did not complete within the allotted timeout","reason":"Timeout"',
  );
});

test('a list that is not read is cut when its time is over', async () => {
  const transport = server.transport();
  for (let index = 0; index < 40; index++) {
    await transport.request({ method: 'POST', path: MAPS, body: configMap(`large-${index}`, 'y'.repeat(500_000)) });
  }
  const socket = await dial();
  socket.pause();
  socket.write(`GET ${MAPS}?timeout=500ms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 700));
  const text = await readUntil(socket, /never/);
  expect(text.length).toBeLessThan(20_000_000);
  expect(text).not.toMatch(/\]\}\s*$/);
  for (let index = 0; index < 40; index++)
    await transport.request({ method: 'DELETE', path: `${MAPS}/large-${index}` });
});

test('a client with very many requests at a time does not keep another from its own', async () => {
  const transport = server.transport();
  for (let index = 0; index < 400; index++) {
    await transport.request({ method: 'POST', path: MAPS, body: configMap(`cm-${index}`, 'y'.repeat(2_000)) });
  }
  const [many, one] = [60, 1].map((maxSockets) => new Agent({ keepAlive: true, maxSockets }));
  const timed = async (path: string, token: string, agent: Agent | undefined): Promise<number> => {
    const began = performance.now();
    expect((await ask(path, token, agent ? { agent } : {})).code).toBe(200);
    return performance.now() - began;
  };
  let going = true;
  const greedy: number[] = [];
  const load = Array.from({ length: 60 }, async () => {
    while (going) greedy.push(await timed(MAPS, 'greedy', many));
  });
  const modest: number[] = [];
  while (modest.length < 20 || greedy.length < 120) modest.push(await timed(MAPS, 'modest', one));
  going = false;
  await Promise.all(load);
  many?.destroy();
  one?.destroy();
  const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
  // Without turns it would wait for the sixty lists before it each time, as they do for one another.
  expect(median(modest)).toBeLessThan(median(greedy) / 3);
});

test('a watcher that does not read costs nothing while very much happens, and is told 410 when it reads again', async () => {
  const transport = server.transport();
  await transport.request({ method: 'POST', path: MAPS, body: configMap('busy', '0') });
  const socket = await dial();
  socket.pause();
  socket.write(
    `GET ${MAPS}?watch=true&fieldSelector=metadata.name%3Dbusy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer root\r\n\r\n`,
  );
  const contentType = 'application/merge-patch+json';
  const filler = 'z'.repeat(1_000);
  const change = (index: number): Promise<unknown> =>
    transport.request({
      method: 'PATCH',
      path: `${MAPS}/busy`,
      contentType,
      body: { data: { x: `${index} ${filler}` } },
    });
  const burst = async (): Promise<void> => {
    for (let index = 0; index < 12_000; index += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, each) => change(index + each)));
    }
  };
  // The ring is full after the first; what comes then must not add up.
  await burst();
  const before = process.memoryUsage().rss;
  await burst();
  expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024);
  expect(await readUntil(socket, /"type":"ERROR"[^\n]*\n/)).toMatch(/"type":"ERROR".*"reason":"Expired".*"code":410/);
}, 120_000);

test('answers name the schema and the level of a request, and an edited schema holds at once', async () => {
  const flowcontrol = '/apis/flowcontrol.apiserver.k8s.io/v1';
  const uidOf = async (path: string): Promise<string> => {
    const object = (await server.transport().request({ method: 'GET', path })) as { metadata: { uid: string } };
    return object.metadata.uid;
  };
  const sorted = async (token: string, path = MAPS): Promise<unknown[]> => {
    const { headers } = await ask(path, token);
    return [headers['x-kubernetes-pf-flowschema-uid'], headers['x-kubernetes-pf-prioritylevel-uid']];
  };
  const exempt = await uidOf(`${flowcontrol}/prioritylevelconfigurations/exempt`);
  const usual = await uidOf(`${flowcontrol}/prioritylevelconfigurations/global-default`);
  expect(await sorted('root')).toEqual([await uidOf(`${flowcontrol}/flowschemas/exempt`), exempt]);
  expect(await sorted('modest')).toEqual([await uidOf(`${flowcontrol}/flowschemas/global-default`), usual]);
  expect(await sorted('modest', '/healthz')).toEqual([await uidOf(`${flowcontrol}/flowschemas/probes`), exempt]);
  // Who is refused was sorted as well; who is not known was not.
  expect(await sorted('modest', '/api/v1/secrets')).toEqual([expect.any(String), usual]);
  expect(await sorted('nobody')).toEqual([undefined, undefined]);
  const spec = {
    priorityLevelConfiguration: { name: 'workload-low' },
    matchingPrecedence: 50,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'modest' } }],
        resourceRules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'], namespaces: ['default'] }],
      },
    ],
  };
  const body = { apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema', metadata: { name: 'own' }, spec };
  await server.transport().request({ method: 'POST', path: `${flowcontrol}/flowschemas`, body });
  const low = await uidOf(`${flowcontrol}/prioritylevelconfigurations/workload-low`);
  expect(await sorted('modest')).toEqual([await uidOf(`${flowcontrol}/flowschemas/own`), low]);
  await server.transport().request({ method: 'DELETE', path: `${flowcontrol}/flowschemas/own` });
  expect((await sorted('modest'))[1]).toBe(usual);
});

test('a level without seats and queues turns requests away as upstream does, and takes them when a seat is free', async () => {
  const flowcontrol = '/apis/flowcontrol.apiserver.k8s.io/v1';
  const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
  const limited = { nominalConcurrencyShares: 1, borrowingLimitPercent: 0, limitResponse: { type: 'Reject' } };
  const rule = { verbs: ['*'], apiGroups: [''], resources: ['configmaps'], namespaces: ['default'] };
  const rules = [{ subjects: [{ kind: 'User', user: { name: 'greedy' } }], resourceRules: [rule] }];
  const spec = { priorityLevelConfiguration: { name: 'tiny' }, matchingPrecedence: 50, rules };
  const transport = server.transport();
  const level = {
    apiVersion,
    kind: 'PriorityLevelConfiguration',
    metadata: { name: 'tiny' },
    spec: { type: 'Limited', limited },
  };
  await transport.request({ method: 'POST', path: `${flowcontrol}/prioritylevelconfigurations`, body: level });
  const schema = { apiVersion, kind: 'FlowSchema', metadata: { name: 'tiny' }, spec };
  await transport.request({ method: 'POST', path: `${flowcontrol}/flowschemas`, body: schema });

  const stalled = await Promise.all(Array.from({ length: 5 }, dial));
  for (const socket of stalled) {
    socket.write(`POST ${MAPS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer greedy\r\nContent-Length: 1000\r\n\r\n{`);
  }
  let refused = await ask(`${MAPS}?limit=1`, 'greedy');
  while (refused.code !== 429) refused = await ask(`${MAPS}?limit=1`, 'greedy');
  expect(refused.text).toBe('Too many requests, please try again later.\n');
  expect(refused.headers).toMatchObject({ 'retry-after': '1', 'content-type': 'text/plain; charset=utf-8' });
  expect((await ask(MAPS, 'modest')).code).toBe(200);
  for (const socket of stalled) socket.destroy();
  while (refused.code === 429) refused = await ask(`${MAPS}?limit=1`, 'greedy');
  expect(refused.code).toBe(200);
  await transport.request({ method: 'DELETE', path: `${flowcontrol}/flowschemas/tiny` });
  await transport.request({ method: 'DELETE', path: `${flowcontrol}/prioritylevelconfigurations/tiny` });
});
