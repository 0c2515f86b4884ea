import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { media } from './oci.ts';
import { createPuller } from './pull.ts';
import { digestOf, goArchitecture, startTestRegistry, type TestRegistry, tarOf } from './remote/registry.testing.ts';
import { type ImageStore, openImageStore } from './store.ts';

let dir: string;
let store: ImageStore;
let registry: TestRegistry;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'homeport-pull-'));
  store = await openImageStore(dir);
  registry = await startTestRegistry();
});
afterEach(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

const pull = (name: string, ...configurations: unknown[]) =>
  createPuller(store).pull(`${registry.domain}/${name}`, configurations);

const layer = (content: string | Buffer = 'hello') => tarOf([{ name: 'etc/' }, { name: 'etc/greeting', content }]);

const blobsLeft = () => readdir(join(dir, 'blobs'));

describe('an image', () => {
  test.each([
    ['gzip', {}],
    ['zstd', { compress: zstdCompressSync, layerType: 'application/vnd.oci.image.layer.v1.tar+zstd' }],
    ['no compression', { compress: (bytes: Buffer) => bytes, layerType: 'application/vnd.oci.image.layer.v1.tar' }],
    [
      "docker's media types",
      { manifestType: media.dockerManifest, layerType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' },
    ],
  ])('with %s is pulled, verified, unpacked and remembered', async (_how, options) => {
    const pushed = registry.image('acme/app', '1', [layer()], {
      ...options,
      config: { Entrypoint: ['/app'], User: '7' },
    });
    const image = await pull('acme/app:1');
    expect(image).toMatchObject({
      reference: `${registry.domain}/acme/app:1`,
      digest: pushed.digest,
      base: undefined,
      pulled: true,
      config: { entrypoint: ['/app'], user: '7' },
    });
    const [folder = ''] = await store.unpack(image);
    expect(await readFile(join(folder, 'etc/greeting'), 'utf8')).toBe('hello');
    expect(await store.resolve(`${registry.domain}/acme/app@${pushed.digest}`)).toMatchObject({
      digest: pushed.digest,
    });
    expect(await blobsLeft()).toEqual(['sha256']);
  });

  test('by digest is kept under its digest, and asked for again by it', async () => {
    const { digest } = registry.image('app', '1', [layer()]);
    expect(await pull(`app:1@${digest}`)).toMatchObject({ reference: `${registry.domain}/app@${digest}`, digest });
    expect(await store.tagsOf(`${registry.domain}/app`)).toEqual([]);
  });

  test('of several platforms is that of this machine, and is known by the digest of them all', async () => {
    const own = registry.image('app', 'own', [layer('own')]);
    const other = registry.image('app', 'other', [layer('other')], { architecture: 's390x' });
    const platform = (architecture: string) => ({ platform: { os: 'linux', architecture } });
    const index = registry.manifest(
      'app',
      '1',
      {
        schemaVersion: 2,
        mediaType: media.index,
        manifests: [
          { ...own, platform: { os: 'unknown', architecture: 'unknown' } },
          { ...other, ...platform('s390x') },
          { ...own, ...platform(goArchitecture) },
        ],
      },
      media.index,
    );
    const image = await pull('app:1');
    expect(image.digest).toBe(index.digest);
    const [folder = ''] = await store.unpack(image);
    expect(await readFile(join(folder, 'etc/greeting'), 'utf8')).toBe('own');
    expect(registry.requests.filter((line) => line.includes(other.digest))).toEqual([]);
    registry.manifest(
      'app',
      '2',
      { schemaVersion: 2, mediaType: media.index, manifests: [{ ...other, ...platform('s390x') }] },
      media.index,
    );
    await expect(pull('app:2')).rejects.toThrow(
      /no match for platform .*: not found for linux\/\w+.* \(there are: linux\/s390x\)/,
    );
  });

  test('that is here already is asked for, but not fetched again', async () => {
    registry.image('app', '1', [layer()]);
    const first = await pull('app:1');
    registry.requests.length = 0;
    expect((await pull('app:1')).digest).toBe(first.digest);
    expect(registry.requests).toEqual(['HEAD /v2/app/manifests/1']);
    registry.image('app', '1', [layer('newer')]);
    const [folder = ''] = await store.unpack(await pull('app:1'));
    expect(await readFile(join(folder, 'etc/greeting'), 'utf8')).toBe('newer');
  });

  test('pulled many times at once, and images that share layers, are fetched once', async () => {
    const shared = layer(Buffer.alloc(1 << 20, 'x'));
    registry.image('app', '1', [shared, layer('1')]);
    registry.image('app', '2', [shared, layer('2')]);
    const puller = createPuller(store);
    const names = ['app:1', 'app:1', 'app:2', 'app:2', 'app:1'].map((name) => `${registry.domain}/${name}`);
    await Promise.all(names.map((name) => puller.pull(name, [])));
    const blobs = registry.requests.filter((line) => line.includes('/blobs/'));
    expect(new Set(blobs).size).toBe(blobs.length);
    expect(blobs).toHaveLength(5);
  });
});

test('layers that delete and complete those below are unpacked onto them, the others are shared', async () => {
  const files = (names: Record<string, string>) => Object.entries(names).map(([name, content]) => ({ name, content }));
  const base = tarOf([
    { name: 'etc/' },
    ...files({ 'etc/a': 'below', 'etc/b': 'below' }),
    { name: 'tmp/', mode: 0o1777 },
  ]);
  const change = tarOf([{ name: 'etc/' }, ...files({ 'etc/.wh.a': '', 'etc/c': 'changed', 'tmp/file': 'x' })]);
  const top = tarOf([{ name: 'etc/' }, ...files({ 'etc/b': 'top' })]);
  registry.image('app', 'base', [base]);
  registry.image('app', '1', [base, change, top]);
  const [shared = ''] = await store.unpack(await pull('app:base'));
  const folders = await store.unpack(await pull('app:1'));
  const [merged = '', own = ''] = folders;
  expect(folders).toHaveLength(2);
  expect((await readdir(join(merged, 'etc'))).sort()).toEqual(['b', 'c']);
  expect((await stat(join(merged, 'tmp'))).mode & 0o7777).toBe(0o1777);
  expect(await readFile(join(own, 'etc/b'), 'utf8')).toBe('top');
  expect((await readdir(join(shared, 'etc'))).sort()).toEqual(['a', 'b']);
  expect((await stat(join(merged, 'etc/b'))).ino).toBe((await stat(join(shared, 'etc/b'))).ino);
  // Once more, and after a start: everything is there.
  expect(await (await openImageStore(dir)).unpack(await pull('app:1'))).toEqual(folders);
  await store.removeUnused(new Set());
  expect(await store.unpack(await pull('app:1'))).toEqual(folders);
  for (const tag of ['base', '1']) await store.remove(`${registry.domain}/app:${tag}`);
  await store.removeUnused(new Set([basename(merged)]));
  expect(await readdir(join(dir, 'unpacked'))).toEqual([basename(merged)]);
  await store.removeUnused(new Set());
  expect(await readdir(join(dir, 'unpacked'))).toEqual([]);
});

/** Wants a token for everything, and gives one to who knows the password. */
function wantToken(challengeHost = () => registry.domain) {
  const seen: { authorization: string | undefined; url: string }[] = [];
  registry.twist = (request, response) => {
    const url = new URL(request.url ?? '/', 'http://registry');
    const { authorization } = request.headers;
    seen.push({ authorization, url: url.pathname + url.search });
    if (url.pathname === '/token') {
      const known = authorization === `Basic ${Buffer.from('ann:secret').toString('base64')}`;
      if (!known) return refuse(response, 401, 'UNAUTHORIZED');
      response.end(JSON.stringify({ token: `for-${url.searchParams.get('scope')}`, expires_in: 300 }));
      return true;
    }
    if (authorization === 'Bearer for-repository:app:pull') return false;
    const challenge = `Bearer realm="http://${challengeHost()}/token",service="test",scope="repository:app:pull"`;
    response.setHeader('www-authenticate', challenge);
    return refuse(response, 401, 'UNAUTHORIZED');
  };
  return seen;
}

function refuse(response: ServerResponse, status: number, code: string): true {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ errors: [{ code, message: 'authentication required' }] }));
  return true;
}

const login = (host: string, password = 'secret') => ({
  auths: { [host]: { auth: Buffer.from(`ann:${password}`).toString('base64') } },
});

describe('a registry that asks who we are', () => {
  test('gets a token for the repository, once', async () => {
    registry.image('app', '1', [layer()]);
    const seen = wantToken();
    await pull('app:1', login(registry.domain));
    expect(seen.filter(({ url }) => url.startsWith('/token'))).toEqual([
      { authorization: expect.stringMatching(/^Basic /), url: '/token?service=test&scope=repository%3Aapp%3Apull' },
    ]);
  });

  test('gets a user name and password where it asks for them, and every credential that fits is tried', async () => {
    registry.image('app', '1', [layer()]);
    registry.twist = (request, response) => {
      if (request.headers.authorization === `Basic ${Buffer.from('ann:secret').toString('base64')}`) return false;
      response.setHeader('www-authenticate', 'Basic realm="test"');
      return refuse(response, 401, 'UNAUTHORIZED');
    };
    await pull('app:1', login(registry.domain, 'old'), login(registry.domain));
    registry.image('app', '2', [layer('2')]);
    await expect(pull('app:2')).rejects.toThrow(
      /^failed to pull and unpack image ".*\/app:2": failed to resolve reference ".*\/app:2": pull access denied, repository does not exist or may require authorization: .* 401 Unauthorized \(UNAUTHORIZED: authentication required\)$/,
    );
  });

  test('gets nothing that is meant for another', async () => {
    registry.image('app', '1', [layer()]);
    const seen = wantToken();
    await expect(
      pull('app:1', login('quay.io'), login('localhost'), login(`${registry.domain}/other`)),
    ).rejects.toThrow(/401/);
    expect(seen.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  test('that sends blobs from elsewhere does not make us show the credential there', async () => {
    const elsewhere = await startTestRegistry();
    const image = registry.image('app', '1', [layer()]);
    for (const [digest, bytes] of registry.blobs) elsewhere.blobs.set(digest, bytes);
    const shown: unknown[] = [];
    elsewhere.twist = (request) => shown.push(request.headers.authorization) === 0;
    wantToken();
    const ask = registry.twist;
    registry.twist = async (request, response) => {
      if (await ask(request, response)) return true;
      if (!request.url?.includes('/blobs/')) return false;
      response.writeHead(307, { location: `http://${elsewhere.domain}${request.url}` });
      response.end();
      return true;
    };
    expect(await pull('app:1', login(registry.domain))).toMatchObject({ digest: image.digest });
    expect(shown).toEqual([undefined, undefined]);
    await elsewhere.stop();
  });
});

describe('a registry that misbehaves gets nowhere:', () => {
  const onBlob = (twist: (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => void) => {
    registry.twist = (request, response) => {
      const digest = /\/blobs\/(.*)$/.exec(request.url ?? '')?.[1];
      if (digest === undefined) return false;
      twist(request, response, registry.blobs.get(digest) ?? Buffer.alloc(0));
      return true;
    };
  };
  const expectNothing = async (message: RegExp) => {
    await expect(pull('app:1')).rejects.toThrow(message);
    expect(await store.list()).toEqual([]);
    expect(await blobsLeft()).toEqual(['sha256']);
  };

  test('other content than the digest says', async () => {
    registry.image('app', '1', [layer()]);
    onBlob((_request, response, bytes) => void response.end(Buffer.alloc(bytes.length, 'x')));
    await expectNothing(/the registry sent other content for sha256:\w+: it has the digest sha256:/);
  });

  test('another manifest than the digest says', async () => {
    const { digest } = registry.image('app', '1', [layer()]);
    const other = registry.image('app', '2', [layer('other')]);
    registry.manifests.set(
      `app ${digest}`,
      registry.manifests.get(`app ${other.digest}`) ?? { mediaType: '', bytes: Buffer.alloc(0) },
    );
    await expect(pull(`app@${digest}`)).rejects.toThrow(/the registry sent other content for the manifest sha256:/);
  });

  test('a body without end', async () => {
    registry.image('app', '1', [layer()]);
    onBlob((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', more);
      more();
    });
    await expectNothing(/the registry sends more than the \d+ bytes/);
  });

  test('a manifest without end', async () => {
    registry.twist = (_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
      };
      response.on('drain', more);
      more();
      return true;
    };
    await expectNothing(/the answer is longer than 4194304 bytes/);
  });

  test('redirects in a circle', async () => {
    registry.twist = (request, response) => {
      response.writeHead(302, { location: request.url ?? '' });
      response.end();
      return true;
    };
    await expectNothing(/redirects more than 10 times/);
  });

  test.each([
    ['schema 1', { schemaVersion: 1, fsLayers: [] }, /docker schema 1, which is no longer supported/],
    ['not JSON', undefined, /the manifest is not JSON/],
    [
      'digests that are paths',
      { config: { digest: 'sha256:../../etc', size: 1 } },
      /config\.digest is not of the form sha256:HEX/,
    ],
    ['sizes that are none', { config: { digest: digestOf('x'), size: -1 } }, /config\.size is not a number of bytes/],
    [
      'layers that are none',
      { layers: [{ mediaType: 'text/html', digest: digestOf('x'), size: 1 }] },
      /"text\/html", which is not a file system's/,
    ],
    ['more layers than there can be', { layers: Array(501).fill({ digest: digestOf('x'), size: 1 }) }, /more than 500/],
  ])('a manifest with %s', async (_what, document, message) => {
    registry.image('app', '1', [layer()]);
    const { bytes } = registry.manifests.get('app 1') ?? { bytes: Buffer.from('{}') };
    const twisted = document ? { ...JSON.parse(bytes.toString()), ...document } : undefined;
    registry.manifests.set('app 1', { mediaType: media.manifest, bytes: Buffer.from(JSON.stringify(twisted) ?? '{') });
    await expectNothing(message);
  });

  test('a configuration of other layers than the manifest has', async () => {
    registry.image('app', '1', [layer()]);
    const { bytes } = registry.manifests.get('app 1') ?? { bytes: Buffer.from('{}') };
    const manifest = JSON.parse(bytes.toString());
    registry.manifest('app', '1', { ...manifest, layers: [...manifest.layers, ...manifest.layers] });
    await expectNothing(/configuration speaks of 1 layers, its manifest of 2/);
  });

  test('a challenge that sends us to a realm that is no address', async () => {
    registry.twist = (_request, response) => {
      response.setHeader('www-authenticate', 'Bearer realm="file:///etc/passwd"');
      return refuse(response, 401, 'UNAUTHORIZED');
    };
    await expectNothing(/which is not over TLS: that is not followed/);
  });
});

describe('a registry that fails for the moment', () => {
  test('is asked again: after 429, 500, and a connection that breaks off', async () => {
    const big = randomBytes(300_000);
    registry.image('app', '1', [layer(big)]);
    let failures = 0;
    registry.twist = (request, response) => {
      const digest = /\/blobs\/(.*)$/.exec(request.url ?? '')?.[1];
      failures += 1;
      if (failures === 1) response.setHeader('retry-after', '0');
      if (failures <= 2) return refuse(response, failures === 1 ? 429 : 503, 'TOOMANYREQUESTS');
      const bytes = registry.blobs.get(digest ?? '') ?? Buffer.alloc(0);
      if (bytes.length < 100_000 || request.headers.range) return false;
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, 70_000), () => response.destroy());
      return true;
    };
    const image = await pull('app:1');
    const [folder = ''] = await store.unpack(image);
    expect(await readFile(join(folder, 'etc/greeting'))).toEqual(big);
    const sizes = registry.requests.filter((line) => line.includes('/blobs/')).length;
    expect(sizes).toBe(3);
  });
});
