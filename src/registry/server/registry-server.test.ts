import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { media } from '../oci.ts';
import { digestOf, goArchitecture, tarOf } from '../remote/registry.testing.ts';
import { type ImageStore, openImageStore } from '../store.ts';
import { type RegistryServer, startRegistry } from './registry-server.ts';

// The rules are those of the distribution specification v1.1 (spec.md), in its order: pull, push, discovery, deletion.

let dir: string;
let store: ImageStore;
let registry: RegistryServer;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-registry-'));
  store = await openImageStore(dir);
  registry = await startRegistry(store, 0);
});
afterAll(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

async function ask(
  method: string,
  path: string,
  init: { body?: Buffer | string; headers?: Record<string, string> } = {},
) {
  const response = await fetch(new URL(path, `http://127.0.0.1:${registry.port}`), {
    method,
    headers: init.headers ?? {},
    ...(init.body === undefined ? {} : { body: new Uint8Array(Buffer.from(init.body)) }),
  });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body, json: () => JSON.parse(body.toString()) };
}

const codeOf = (answer: { json(): { errors: { code: string }[] } }) => answer.json().errors[0]?.code;

async function pushBlob(repository: string, content: Buffer): Promise<{ digest: string; size: number }> {
  const digest = digestOf(content);
  const answer = await ask('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: content });
  expect(answer.status).toBe(201);
  return { digest, size: content.length };
}

/** Pushes an image of one layer. @returns the descriptor of its manifest */
async function pushImage(repository: string, tag: string, more: object = {}, content = tag) {
  const layer = tarOf([{ name: 'file', content }]);
  const configuration = {
    ...{ architecture: goArchitecture, os: 'linux', config: { Cmd: ['true'] } },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: media.manifest,
    config: { mediaType: media.config, ...(await pushBlob(repository, Buffer.from(JSON.stringify(configuration)))) },
    layers: [{ mediaType: media.layer, ...(await pushBlob(repository, gzipSync(layer))) }],
    ...more,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  const answer = await putManifest(repository, tag || digest, bytes);
  expect(answer.status).toBe(201);
  return { mediaType: media.manifest, digest, size: bytes.length, bytes, answer };
}

const putManifest = (repository: string, reference: string, bytes: Buffer, type: string = media.manifest) =>
  ask('PUT', `/v2/${repository}/manifests/${reference}`, { body: bytes, headers: { 'content-type': type } });

test('it is a registry', async () => {
  const answer = await ask('GET', '/v2/');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
  expect(registry.domain).toBe(`registry.localhost:${registry.port}`);
});

describe('pull', () => {
  test('a manifest comes as it was pushed, by tag and by digest, with HEAD too', async () => {
    const pushed = await pushImage('pull/app', 'v1');
    for (const reference of ['v1', pushed.digest]) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(method, `/v2/pull/app/manifests/${reference}`);
        expect(answer.status).toBe(200);
        expect(answer.body).toEqual(method === 'GET' ? pushed.bytes : Buffer.alloc(0));
        expect(answer.headers.get('content-type')).toBe(media.manifest);
        expect(answer.headers.get('content-length')).toBe(String(pushed.size));
        expect(answer.headers.get('docker-content-digest')).toBe(pushed.digest);
      }
    }
    const missing = await ask('GET', '/v2/pull/app/manifests/none');
    expect([missing.status, codeOf(missing)]).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect((await ask('HEAD', `/v2/pull/other/manifests/${pushed.digest}`)).status).toBe(404);
  });

  test('a blob comes whole or in part', async () => {
    const content = randomBytes(1000);
    const { digest } = await pushBlob('pull/app', content);
    const path = `/v2/pull/app/blobs/${digest}`;
    expect((await ask('GET', path)).body).toEqual(content);
    const head = await ask('HEAD', path);
    expect([head.status, head.headers.get('content-length'), head.body.length]).toEqual([200, '1000', 0]);
    const part = async (range: string) => ask('GET', path, { headers: { range } });
    for (const [range, from, to] of [
      ['bytes=10-19', 10, 20],
      ['bytes=990-', 990, 1000],
      ['bytes=-5', 995, 1000],
      ['bytes=0-9999', 0, 1000],
    ] as const) {
      const answer = await part(range);
      expect([answer.status, answer.headers.get('content-range')]).toEqual([206, `bytes ${from}-${to - 1}/1000`]);
      expect(answer.body).toEqual(content.subarray(from, to));
    }
    expect((await part('bytes=1000-')).status).toBe(416);
    const missing = await ask('GET', `/v2/pull/app/blobs/${digestOf('nothing')}`);
    expect([missing.status, codeOf(missing)]).toEqual([404, 'BLOB_UNKNOWN']);
  });
});

describe('push', () => {
  const begin = async () => {
    const answer = await ask('POST', '/v2/push/app/blobs/uploads/');
    expect(answer.status).toBe(202);
    expect(answer.headers.get('range')).toBe('0-0');
    return answer.headers.get('location') ?? '';
  };

  test('a blob in one go, by POST and PUT', async () => {
    const content = randomBytes(5000);
    const location = await begin();
    const answer = await ask('PUT', `${location}?digest=${digestOf(content)}`, { body: content });
    expect([answer.status, answer.headers.get('location')]).toEqual([201, `/v2/push/app/blobs/${digestOf(content)}`]);
    expect((await ask('GET', `/v2/push/app/blobs/${digestOf(content)}`)).body).toEqual(content);
    expect((await ask('GET', location)).status).toBe(404);
  });

  test('a blob in parts, in their order only', async () => {
    const content = randomBytes(3000);
    const location = await begin();
    const patch = (from: number, to: number) =>
      ask('PATCH', location, {
        body: content.subarray(from, to),
        headers: { 'content-range': `${from}-${to - 1}`, 'content-type': 'application/octet-stream' },
      });
    const early = await patch(1000, 2000);
    expect([early.status, early.headers.get('range')]).toEqual([416, '0-0']);
    const first = await patch(0, 1000);
    expect([first.status, first.headers.get('range'), first.headers.get('location')]).toEqual([202, '0-999', location]);
    expect((await patch(0, 1000)).status).toBe(416);
    const status = await ask('GET', location);
    expect([status.status, status.headers.get('range')]).toEqual([204, '0-999']);
    expect((await patch(1000, 2000)).headers.get('range')).toBe('0-1999');
    const end = await ask('PUT', `${location}?digest=${digestOf(content)}`, {
      body: content.subarray(2000),
      headers: { 'content-range': '2000-2999' },
    });
    expect(end.status).toBe(201);
    expect((await ask('GET', `/v2/push/app/blobs/${digestOf(content)}`)).body).toEqual(content);
  });

  test('a blob of other content than it says is refused, and nothing is left of it', async () => {
    const location = await begin();
    const answer = await ask('PUT', `${location}?digest=${digestOf('other')}`, { body: 'content' });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'DIGEST_INVALID']);
    expect((await ask('GET', location)).status).toBe(404);
    expect((await ask('HEAD', `/v2/push/app/blobs/${digestOf('content')}`)).status).toBe(404);
    for (const digest of ['', 'sha256:short', 'md5:d41d8cd98f00b204e9800998ecf8427e', '../../etc/passwd']) {
      expect(codeOf(await ask('PUT', `${await begin()}?digest=${encodeURIComponent(digest)}`))).toBe('DIGEST_INVALID');
    }
  });

  test('an upload can be given up', async () => {
    const location = await begin();
    expect((await ask('PATCH', location, { body: 'x' })).status).toBe(202);
    expect((await ask('DELETE', location)).status).toBe(204);
    expect(codeOf(await ask('GET', location))).toBe('BLOB_UPLOAD_UNKNOWN');
    expect(codeOf(await ask('PATCH', location, { body: 'x' }))).toBe('BLOB_UPLOAD_UNKNOWN');
  });

  test('a blob that is here already is found by mount; one that is not is uploaded', async () => {
    const { digest } = await pushBlob('push/source', randomBytes(100));
    const mount = (which: string) => ask('POST', `/v2/push/app/blobs/uploads/?mount=${which}&from=push/source`);
    const found = await mount(digest);
    expect([found.status, found.headers.get('location')]).toEqual([201, `/v2/push/app/blobs/${digest}`]);
    const missing = await mount(digestOf('nothing'));
    expect(missing.status).toBe(202);
    expect(missing.headers.get('location')).toMatch(/\/uploads\/[0-9a-f]{32}$/);
  });

  test('an upload outlives a restart, and goes on where it was', async () => {
    const content = randomBytes(2000);
    const location = await begin();
    await ask('PATCH', location, { body: content.subarray(0, 1200) });
    await registry.stop();
    registry = await startRegistry(await openImageStore(dir), 0);
    expect((await ask('GET', location)).headers.get('range')).toBe('0-1199');
    const end = await ask('PUT', `${location}?digest=${digestOf(content)}`, { body: content.subarray(1200) });
    expect(end.status).toBe(201);
  });

  test('a manifest is taken only with all that it names, as what it says it is', async () => {
    const config = { mediaType: media.config, ...(await pushBlob('push/app', Buffer.from('{}'))) };
    const document = { schemaVersion: 2, mediaType: media.manifest, config, layers: [] };
    const put = (change: object, reference = 'x') =>
      putManifest('push/app', reference, Buffer.from(JSON.stringify({ ...document, ...change })));
    const layer = { mediaType: media.layer, digest: digestOf('nothing'), size: 7 };
    for (const [change, status, code] of [
      [{ layers: [layer] }, 404, 'MANIFEST_BLOB_UNKNOWN'],
      [{ config: { ...config, digest: 'sha256:1' } }, 400, 'MANIFEST_INVALID'],
      [{ schemaVersion: 1 }, 400, 'MANIFEST_INVALID'],
      [{ mediaType: 'text/html' }, 400, 'MANIFEST_INVALID'],
    ] as const) {
      const answer = await put(change);
      expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    }
    expect(codeOf(await put({}, digestOf('other')))).toBe('DIGEST_INVALID');
    expect((await putManifest('push/app', 'x', Buffer.alloc(5 << 20, ' '))).status).toBe(413);
    expect((await put({ layers: [{ ...layer, urls: ['https://elsewhere.example.com/layer'] }] })).status).toBe(201);
  });

  test.each(['UPPER/app', 'a//b', 'a/../b', '-a', 'a/-b', `${'a'.repeat(256)}`])(
    'a repository cannot be called %s',
    async (name) => {
      const socket = connect(registry.port, '127.0.0.1');
      socket.end(
        `POST /v2/${name}/blobs/uploads/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
      );
      expect(await text(socket)).toMatch(/^HTTP\/1.1 40[04] /);
    },
  );
});

describe('discovery', () => {
  test('tags come sorted and in pages', async () => {
    for (const tag of ['c', 'a', 'b', 'a.1']) await pushImage('list/app', tag, {}, 'same');
    const list = async (query = '') => {
      const answer = await ask('GET', `/v2/list/app/tags/list${query}`);
      return [answer.json().tags, answer.headers.get('link')];
    };
    expect(await list()).toEqual([['a', 'a.1', 'b', 'c'], null]);
    expect(await list('?n=2')).toEqual([['a', 'a.1'], '</v2/list/app/tags/list?n=2&last=a.1>; rel="next"']);
    expect(await list('?n=2&last=a.1')).toEqual([['b', 'c'], null]);
    expect(await list('?n=0')).toEqual([[], null]);
    expect(await list('?last=b')).toEqual([['c'], null]);
    expect(codeOf(await ask('GET', '/v2/list/none/tags/list'))).toBe('NAME_UNKNOWN');
    expect((await ask('GET', '/v2/list/app/tags/list?n=many')).status).toBe(405);
    const { repositories } = (await ask('GET', '/v2/_catalog')).json();
    expect(repositories).toContain('list/app');
    expect((await ask('GET', '/v2/_catalog?n=1')).headers.get('link')).toMatch(/rel="next"/);
  });

  test('what refers to an image is listed, before and after the image is there', async () => {
    const artifactType = 'application/vnd.example.signature';
    const subject = { mediaType: media.manifest, digest: digestOf('not here yet'), size: 12 };
    const annotations = { by: 'ann' };
    const signature = await pushImage('refer/app', '', { subject, artifactType, annotations });
    expect(signature.answer.headers.get('oci-subject')).toBe(subject.digest);
    const plain = await pushImage('refer/app', 'plain', { subject });
    const list = (query = '') => ask('GET', `/v2/refer/app/referrers/${subject.digest}${query}`);
    const all = await list();
    expect(all.headers.get('content-type')).toBe(media.index);
    const { digest, size, mediaType } = signature;
    expect(all.json().manifests).toEqual([
      { mediaType, digest, size, artifactType, annotations },
      { mediaType, digest: plain.digest, size: plain.size, artifactType: media.config },
    ]);
    const filtered = await list(`?artifactType=${artifactType}`);
    expect(filtered.headers.get('oci-filters-applied')).toBe('artifactType');
    expect(filtered.json().manifests).toHaveLength(1);
    expect((await ask('GET', `/v2/refer/app/referrers/${digestOf('none')}`)).json()).toMatchObject({ manifests: [] });
  });
});

describe('deletion', () => {
  test('a tag goes alone, a digest with all its tags, a blob when no image needs it', async () => {
    const { digest, bytes } = await pushImage('gone/app', 'v1');
    await putManifest('gone/app', 'v2', bytes);
    expect((await ask('DELETE', '/v2/gone/app/manifests/v1')).status).toBe(202);
    expect((await ask('GET', '/v2/gone/app/manifests/v1')).status).toBe(404);
    expect((await ask('GET', '/v2/gone/app/manifests/v2')).status).toBe(200);
    const [layer] = JSON.parse(bytes.toString()).layers;
    const needed = await ask('DELETE', `/v2/gone/app/blobs/${layer.digest}`);
    expect([needed.status, codeOf(needed)]).toEqual([405, 'UNSUPPORTED']);
    expect((await ask('DELETE', `/v2/gone/app/manifests/${digest}`)).status).toBe(202);
    expect((await ask('GET', '/v2/gone/app/manifests/v2')).status).toBe(404);
    expect((await ask('DELETE', `/v2/gone/app/manifests/${digest}`)).status).toBe(404);
    const { digest: blob } = await pushBlob('gone/app', randomBytes(10));
    expect((await ask('DELETE', `/v2/gone/app/blobs/${blob}`)).status).toBe(202);
    expect((await ask('HEAD', `/v2/gone/app/blobs/${blob}`)).status).toBe(404);
  });
});

test('an index of several platforms names its images, which stay as long as it does', async () => {
  const one = await pushImage('index/app', '', {}, 'one');
  const { mediaType, digest, size } = one;
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: media.index,
      manifests: [{ mediaType, digest, size, platform: { os: 'linux', architecture: goArchitecture } }],
    }),
  );
  expect((await putManifest('index/app', 'all', bytes, media.index)).status).toBe(201);
  await store.unassign([`registry.localhost/index/app@${digest}`]);
  expect((await ask('GET', `/v2/index/app/manifests/${digest}`)).body).toEqual(one.bytes);
  expect(await store.resolve(`${registry.domain}/index/app:all`)).toMatchObject({
    digest: digestOf(bytes),
    config: { cmd: ['true'] },
  });
});

test('what is pushed is an image of the store, with no second copy of its blobs', async () => {
  const { digest } = await pushImage('team/app', '1.0', {}, 'pushed');
  const image = await store.resolve(`registry.localhost:${registry.port}/team/app:1.0`);
  expect(image).toMatchObject({ reference: 'registry.localhost/team/app:1.0', digest, pulled: false });
  const [folder = ''] = await store.unpack(image ?? { digest: '' });
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('pushed');
  expect(await readdir(join(dir, 'uploads'))).not.toContain(digest);
});

test.each([
  ['under another name', { host: 'evil.example.com' }],
  ['from a page', { host: 'localhost', origin: 'https://evil.example.com' }],
])('a browser that is made to ask %s is refused', async (_how, headers) => {
  const socket = connect(registry.port, '127.0.0.1');
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`GET /v2/_catalog HTTP/1.1\r\n${lines.join('')}\r\n`);
  const answer = await text(socket);
  expect(answer).toMatch(/^HTTP\/1.1 403 /);
  expect(answer).toContain('"DENIED"');
});
