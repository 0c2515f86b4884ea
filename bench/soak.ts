// Kills a whole Homeport with SIGKILL while real HTTP clients write to it and watch it, starts it again, and checks that no
// acknowledged write is lost and that watches go on without a gap. Usage: node bench/soak.ts [ROUNDS]
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig, Watch } from '@kubernetes/client-node';
import { startHomeport, type TestHomeport } from '../test/support/homeport.ts';

const CLIENTS = 8;
const PATH = '/api/v1/namespaces/default/configmaps';

interface ConfigMap {
  metadata: { name: string; resourceVersion: string };
  data: { value: string };
}

/** What each object is as far as its writer knows: the last acknowledged value, and the one that was under way. */
interface Known {
  acknowledged: Map<string, string>;
  underWay: Map<string, string>;
}

interface Client {
  config: KubeConfig;
  send(method: string, path: string, body?: object): Promise<{ code: number; body: unknown }>;
}

async function clientOf(platform: TestHomeport): Promise<Client> {
  const config = new KubeConfig();
  config.loadFromString(readFileSync(platform.status.kubeconfig, 'utf8'));
  const options = { agent: new Agent({ keepAlive: true }) };
  await config.applyToHTTPSOptions(options);
  const send: Client['send'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const sent = request(`${platform.status.api}${path}`, { ...options, method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      sent.on('error', reject);
      sent.end(body && JSON.stringify(body));
    });
  return { config, send };
}

/** Creates and replaces its objects until its connection breaks. Returns how many writes were acknowledged. */
async function write({ send }: Client, client: number, round: number, known: Known): Promise<number> {
  for (let turn = 0; ; turn++) {
    const name = `soak-${client}-${turn % 5}`;
    const value = `${round}.${turn}`;
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } };
    const exists = known.acknowledged.has(name);
    known.underWay.set(name, value);
    try {
      const { code } = await (exists ? send('PUT', `${PATH}/${name}`, body) : send('POST', PATH, body));
      // What was under way at the last kill may have been done.
      assert.ok([200, 201, 409].includes(code), `writing ${name} gave ${code}`);
      if (code !== 409) known.acknowledged.set(name, value);
      else known.acknowledged.set(name, known.acknowledged.get(name) ?? '');
      known.underWay.delete(name);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return turn;
    }
  }
}

/** Watches until the connection breaks, and tells of each change. */
async function watch({ config }: Client, after: string, see: (type: string, object: ConfigMap) => void): Promise<void> {
  const ended = Promise.withResolvers<void>();
  await new Watch(config).watch(PATH, { resourceVersion: after }, see, () => ended.resolve());
  await ended.promise;
}

async function round(
  dataDir: string,
  index: number,
  known: Known,
  view: Map<string, string>,
  from: string,
): Promise<string> {
  const platform = await startHomeport(['--runtime', 'simulated'], dataDir);
  const client = await clientOf(platform);
  const { body } = await client.send('GET', PATH);
  const list = body as { metadata: { resourceVersion: string }; items: ConfigMap[] };
  const found = new Map(list.items.map(({ metadata, data }) => [metadata.name, data?.value ?? '']));
  for (const [name, value] of known.acknowledged) {
    const allowed = [value, known.underWay.get(name)].filter((one) => one !== undefined && one !== '');
    if (allowed.length > 0)
      assert.ok(allowed.includes(found.get(name)), `${name} is ${found.get(name)}, not ${allowed}`);
  }
  known.underWay.clear();
  for (const [name, value] of found) if (name.startsWith('soak-')) known.acknowledged.set(name, value);

  let last = Number(from || list.metadata.resourceVersion);
  if (!from) for (const [name, value] of found) view.set(name, value);
  const caughtUp = Promise.withResolvers<void>();
  const isSame = (): boolean => [...found].every(([name, value]) => view.get(name) === value);
  if (isSame()) caughtUp.resolve();
  let checked = false;
  const watching = watch(client, String(last), (type, { metadata, data }) => {
    const revision = Number(metadata.resourceVersion);
    assert.ok(revision > last, `revision ${revision} came after ${last}`);
    last = revision;
    if (type === 'DELETED') view.delete(metadata.name);
    else view.set(metadata.name, data?.value ?? '');
    if (!checked && isSame()) caughtUp.resolve();
  });
  await caughtUp.promise;
  checked = true;
  const writers = Array.from({ length: CLIENTS }, (_, writer) => write(client, writer, index, known));
  await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 1_000));
  platform.process.kill('SIGKILL');
  await once(platform.process, 'exit');
  const writes = (await Promise.all(writers)).reduce((sum, count) => sum + count, 0);
  await watching;
  console.log(`round ${index}: ${writes} writes acknowledged, ${found.size} objects found, watched up to ${last}`);
  return String(last);
}

const rounds = Number(process.argv.at(-1)) || 20;
const dataDir = mkdtempSync(join(tmpdir(), 'homeport-soak-'));
const known: Known = { acknowledged: new Map(), underWay: new Map() };
const view = new Map<string, string>();
let from = '';
try {
  for (let index = 1; index <= rounds; index++) from = await round(dataDir, index, known, view, from);
  console.log(`${rounds} kills: every acknowledged write was there, and every watch went on`);
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
