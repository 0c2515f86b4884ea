import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject } from '../machinery/index.ts';
import { type ApiServer, startApiServer } from './index.ts';

interface List {
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: KubeObject[];
}

const PATH = '/api/v1/namespaces/default/configmaps';
let server: ApiServer;
/** The list before one object was removed and another changed. */
let before: List;

const list = (query: Record<string, string>): Promise<List> =>
  server.transport().request({ method: 'GET', path: PATH, query }) as Promise<List>;
const contents = ({ items }: List): string[] =>
  items.map(({ metadata, ...rest }) => `${metadata.name}=${(rest['data'] as { x: string }).x}`);
const token = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url');

beforeAll(async () => {
  server = await startApiServer();
  const transport = server.transport();
  for (const name of ['a', 'b', 'c', 'd']) {
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { x: '1' } };
    await transport.request({ method: 'POST', path: PATH, body });
  }
  before = await list({ limit: '1' });
  await transport.request({ method: 'DELETE', path: `${PATH}/c` });
  const contentType = 'application/merge-patch+json';
  await transport.request({ method: 'PATCH', path: `${PATH}/d`, contentType, body: { data: { x: '2' } } });
});
afterAll(() => server.stop());

test('each way of saying as of when: at that revision, not older, any, and on from a page', async () => {
  const { resourceVersion = '', continue: next = '' } = before.metadata;
  const [old, now] = [
    ['a=1', 'b=1', 'c=1', 'd=1'],
    ['a=1', 'b=1', 'd=2'],
  ];
  expect(contents(await list({ resourceVersion, resourceVersionMatch: 'Exact' }))).toEqual(old);
  expect(contents(await list({ resourceVersion, limit: '3' }))).toEqual(old?.slice(0, 3));
  expect(contents(await list({ resourceVersion, resourceVersionMatch: 'NotOlderThan' }))).toEqual(now);
  expect(contents(await list({ resourceVersion }))).toEqual(now);
  expect(contents(await list({}))).toEqual(now);
  // From the cache: upstream's does not look at the limit.
  expect(contents(await list({ resourceVersion: '0', limit: '1' }))).toEqual(now);
  const page = await list({ continue: next, limit: '2' });
  expect(contents(page)).toEqual(old?.slice(1, 3));
  expect(page.metadata).toMatchObject({ resourceVersion, remainingItemCount: 1 });
  const inconsistent = token({ v: 'meta.k8s.io/v1', rv: -1, start: 'default/b' });
  expect(contents(await list({ continue: inconsistent }))).toEqual(['d=2']);
});

const forbidden = (why: string) => ({ reason: 'FieldValueForbidden', message: `Forbidden: ${why}` });

test.each([
  [
    { resourceVersion: 'abc' },
    400,
    'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint',
  ],
  [{ resourceVersion: '99999999' }, 504, 'Timeout: Too large resource version: 99999999, current: '],
  [
    { continue: token({ v: 'meta.k8s.io/v1', rv: 99999999, start: 'a/b' }) },
    504,
    'Timeout: Too large resource version',
  ],
  [{ continue: 'garbage' }, 400, 'invalid continue token: continue key is not valid: '],
  [{ continue: token({ v: 'x', rv: 5, start: 'a/b' }) }, 400, 'server does not recognize this encoded version x'],
  [{ continue: token({ v: 'meta.k8s.io/v1', rv: 0, start: 'a/b' }) }, 400, 'incorrect encoded start resourceVersion'],
  [{ continue: token({ v: 'meta.k8s.io/v1', rv: 5, start: '../x' }) }, 400, 'continue key is not valid: ../x'],
  [{ continue: 'x', resourceVersion: '5' }, 400, 'specifying resource version is not allowed when using continue'],
] as [Record<string, string>, number, string][])('%j is %i: %s', async (query, code, message) => {
  await expect(list(query)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('everything that contradicts itself is named', async () => {
  await expect(list({ continue: 'x', resourceVersionMatch: 'Exact' })).rejects.toMatchObject({
    code: 422,
    message: expect.stringMatching(
      /^ListOptions\.meta\.k8s\.io "" is invalid: \[resourceVersionMatch: Forbidden: .*, /,
    ),
    details: {
      causes: [
        forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'),
        forbidden('resourceVersionMatch is forbidden when continue is provided'),
      ],
    },
  });
});

test('what is compacted away is 410, with a token to go on with for a list that was begun', async () => {
  // Nobody asked for these before: the server without a database knows them from now on only.
  const path = '/api/v1/namespaces/default/podtemplates';
  const ask = (query: Record<string, string>): Promise<unknown> =>
    server.transport().request({ method: 'GET', path, query });
  await expect(ask({ resourceVersion: '1', resourceVersionMatch: 'Exact' })).rejects.toMatchObject({
    code: 410,
    message: 'The resourceVersion for the provided list is too old.',
  });
  await expect(ask({ continue: token({ v: 'meta.k8s.io/v1', rv: 1, start: 'default/b' }) })).rejects.toMatchObject({
    code: 410,
    message: expect.stringContaining('The provided continue parameter is too old'),
    continueToken: token({ v: 'meta.k8s.io/v1', rv: -1, start: 'default/b' }),
  });
});
