import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeRoot } from '../src/node/linux/root-of-programs.testing.ts';
import { digestOf, startTestRegistry, type TestRegistry, tarOf } from '../src/registry/remote/registry.testing.ts';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { eventually } from './support/run.ts';

let dir: string;
let registry: TestRegistry;
let homeport: TestHomeport;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'homeport-images-'));
  registry = await startTestRegistry();
  homeport = await startHomeport();
});
afterAll(async () => {
  await homeport.stop();
  await registry.stop();
  rmSync(dir, { recursive: true, force: true });
});

const runsPrograms = process.platform === 'linux' && process.getuid?.() === 0;

/** An archive of a root with these programs of this machine, and some files. */
async function rootLayer(programs: readonly string[], files: Record<string, string> = {}): Promise<Buffer> {
  const root = mkdtempSync(join(dir, 'root-'));
  const paths = await makeRoot(root, programs);
  for (const [path, content] of Object.entries(files)) {
    writeFileSync(join(root, path), content);
    paths.push(path);
  }
  return tarOf(paths.map((path) => ({ name: path.slice(1), mode: 0o755, content: readFileSync(join(root, path)) })));
}

async function homeportImage(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await homeport.homeport(['image', ...args]);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

test('images go from registry to registry by name, and what nobody uses goes', async () => {
  const layer = tarOf([{ name: 'file', content: 'x' }]);
  const { digest } = registry.image('tools/cli', '1', [layer], { config: { Cmd: ['/nothing'] } });
  const remote = `${registry.domain}/tools/cli:1`;
  expect(await homeportImage('pull', remote)).toBe(`${remote}: ${digest} (1 KiB)\n`);
  const own = `${homeport.status.registry}/tools/cli`;
  const pushed = JSON.parse(await homeportImage('push', remote, `${own}:2`, '-o', 'json'));
  expect(pushed).toEqual({ reference: 'registry.localhost/tools/cli:2', digest });
  const port = homeport.status.registry.split(':')[1];
  const tags = await fetch(`http://127.0.0.1:${port}/v2/tools/cli/tags/list`);
  expect(await tags.json()).toEqual({ name: 'tools/cli', tags: ['2'] });
  const listed = JSON.parse(await homeportImage('list', '-o', 'json'));
  expect(listed.map(({ reference }: { reference: string }) => reference).sort()).toEqual([
    remote,
    'registry.localhost/tools/cli:2',
  ]);
  expect(await homeportImage('prune')).toContain(`${remote}: removed\n`);
  await homeportImage('rm', `${own}:2`);
  expect(JSON.parse(await homeportImage('list', '-o', 'json'))).toEqual([]);
  await expect(homeportImage('rm', `${own}:2`)).rejects.toThrow(/it is not in the local image store/);
  await expect(homeportImage('pull', `${registry.domain}/none:1`)).rejects.toThrow(/none:1: not found/);
});

test('an image goes to a registry that asks who we are, with the login of docker', async () => {
  const docker = join(dir, 'docker');
  const login = { auths: { [registry.domain]: { auth: Buffer.from('ann:secret').toString('base64') } } };
  registry.image('first', '1', [tarOf([{ name: 'file', content: 'to push' }])]);
  await homeportImage('pull', `${registry.domain}/first:1`);
  const stored: string[] = [];
  registry.twist = async (request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('ann:secret').toString('base64')}`) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return true;
    }
    if (request.method === 'HEAD') {
      response.writeHead(404).end();
      return true;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    stored.push(digestOf(Buffer.concat(chunks)));
    response.writeHead(request.method === 'POST' ? 202 : 201, { location: '/v2/second/blobs/uploads/1' }).end();
    return true;
  };
  mkdirSync(docker, { recursive: true });
  writeFileSync(join(docker, 'config.json'), JSON.stringify(login));
  const words = ['image', 'push', `${registry.domain}/first:1`, `${registry.domain}/second:1`];
  const pushed = await homeport.homeport(words, { env: { DOCKER_CONFIG: docker } });
  registry.twist = () => false;
  expect(pushed).toMatchObject({ code: 0 });
  const { bytes } = registry.manifests.get('first 1') ?? { bytes: Buffer.from('{}') };
  const manifest = JSON.parse(bytes.toString());
  expect(stored).toEqual(expect.arrayContaining([manifest.config.digest, manifest.layers[0].digest, digestOf(bytes)]));
  expect(pushed.stderr).toMatch(new RegExp(`^${manifest.config.digest.slice(7, 19)}: pushed`, 'm'));
  expect(JSON.stringify(pushed)).not.toContain('secret');
});

describe.runIf(runsPrograms)('pods', () => {
  const waiting = (pod: string) =>
    homeport.kubectl([
      'get',
      'pod',
      pod,
      '-o',
      'jsonpath={.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message}',
    ]);
  const events = (pod: string) =>
    homeport.kubectl([
      'get',
      'events',
      '--field-selector',
      `involvedObject.name=${pod}`,
      '-o',
      'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}',
    ]);
  const manifest = (name: string, image: string, more: object = {}) =>
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image }], ...more },
    });
  const apply = (text: string) => homeport.kubectl(['apply', '-f', '-'], { input: text });
  const phase = (pod: string) => homeport.kubectl(['get', 'pod', pod, '-o', 'jsonpath={.status.phase}']);
  const succeeded = (pod: string) =>
    eventually(`pod ${pod}`, async () => ((await phase(pod)) === 'Succeeded' ? true : undefined));

  test('run an image with a root of its own from a private registry, once they have the secret', async () => {
    const script = 'cat /etc/motd; echo "$GREETING"; id -u; ls /';
    const layer = await rootLayer(['sh', 'cat', 'id', 'ls'], {
      '/etc/motd': 'a whole system\n',
      '/etc/passwd': 'app:x:4321:4321::/home/app:/bin/sh\n',
    });
    const config = { Entrypoint: ['sh', '-c'], Cmd: [script], Env: ['PATH=/bin', 'GREETING=hello'], User: 'app' };
    const { digest } = registry.image('private/app', '1', [layer], { config });
    registry.twist = (request, response) => {
      if (!request.url?.startsWith('/v2/private/')) return false;
      if (request.headers.authorization === `Basic ${Buffer.from('ann:secret').toString('base64')}`) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return true;
    };
    const image = `${registry.domain}/private/app:1`;
    await apply(manifest('locked', image));
    await eventually('back-off', async () => {
      const text = await waiting('locked');
      return text.startsWith('ImagePullBackOff Back-off pulling image') && text.includes('401') ? true : undefined;
    });
    const said = await events('locked');
    expect(said).toContain(`Pulling: Pulling image "${image}"\n`);
    expect(said).toContain(`Failed: Failed to pull image "${image}": failed to pull and unpack image "${image}": `);
    expect(said).toContain('Failed: Error: ErrImagePull\n');
    expect(said).toContain(`BackOff: Back-off pulling image "${image}"\n`);
    const login = `--docker-server=${registry.domain} --docker-username=ann --docker-password=secret`;
    await homeport.kubectl(`create secret docker-registry login ${login}`);
    await apply(manifest('open', image, { imagePullSecrets: [{ name: 'login' }] }));
    await succeeded('open');
    expect(await homeport.kubectl('logs open')).toMatch(/^a whole system\nhello\n4321\nbin\n/);
    expect(await events('open')).toMatch(
      /Pulled: Successfully pulled image ".*" in [\dms.]+ \([\dms.]+ including waiting\)\. Image size: \d+ bytes\.\n/,
    );
    const id = 'jsonpath={.status.containerStatuses[0].imageID}';
    expect(await homeport.kubectl(['get', 'pod', 'open', '-o', id])).toBe(`${registry.domain}/private/app@${digest}`);
    registry.twist = () => false;
  });

  test('run what is pushed into the registry that Homeport serves', async () => {
    const layer = await rootLayer(['sh', 'cat'], { '/etc/motd': 'pushed' });
    registry.image('build', '1', [layer], { config: { Cmd: ['cat', '/etc/motd'], Env: ['PATH=/bin'] } });
    const name = `${homeport.status.registry}/team/app:1`;
    await apply(manifest('early', name));
    await eventually('not found', async () => ((await waiting('early')).includes('not found') ? true : undefined));
    await homeportImage('pull', `${registry.domain}/build:1`);
    await homeportImage('push', `${registry.domain}/build:1`, name);
    // The pod that waited for it starts at once.
    await succeeded('early');
    expect(await homeport.kubectl('logs early')).toBe('pushed');
  });

  test('an image that is in use keeps its layers, whatever is removed', async () => {
    const layer = await rootLayer(['sleep', 'cat'], { '/etc/motd': 'still here' });
    registry.image('used', '1', [layer], { config: { Cmd: ['sleep', '1000'], Env: ['PATH=/bin'] } });
    const name = `${registry.domain}/used:1`;
    await apply(manifest('user', name, { terminationGracePeriodSeconds: 0 }));
    await eventually('the pod', async () => ((await phase('user')) === 'Running' ? true : undefined));
    const told = 'jsonpath={.items[*].status.images[*].names[*]}';
    await eventually('the node tells of it', async () =>
      (await homeport.kubectl(['get', 'nodes', '-o', told])).includes(name) ? true : undefined,
    );
    expect(await homeportImage('prune', '--all')).not.toContain(name);
    await homeportImage('rm', name);
    await homeportImage('prune', '--all');
    expect(await homeport.kubectl('exec user -- cat /etc/motd')).toBe('still here');
    const unpacked = () => readdirSync(join(homeport.dataDir, 'images/unpacked'));
    expect(unpacked()).not.toEqual([]);
    await homeport.kubectl('delete pod --all --now');
    await homeportImage('prune', '--all');
    expect(unpacked()).toEqual([]);
  });

  test('a hostile image gets nowhere, and says why', async () => {
    const victim = join(dir, 'victim');
    writeFileSync(victim, 'untouched');
    const layer = tarOf([
      { name: 'a/' },
      { name: 'a', type: 'symlink', linkName: dir },
      { name: 'b', type: 'file', flag: '1', linkName: `../../../../../../..${victim}` },
    ]);
    registry.image('hostile', '1', [layer]);
    await apply(manifest('hostile', `${registry.domain}/hostile:1`));
    await eventually('the refusal', async () =>
      (await waiting('hostile')).includes('failed to extract layer: unpacking "b": the name leads out of the image')
        ? true
        : undefined,
    );
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(readdirSync(dir)).not.toContain('b');
  });
});
