// What 1,000 CustomResourceDefinitions of about 10 KB cost: memory, the time to make one, and the time to start with them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHomeport } from '../test/support/homeport.ts';
import { createLoadClient } from './support/load.ts';
import { residentMegabytes } from './support/process.ts';
import { printTable } from './support/table.ts';

const COUNT = 1_000;
const GROUPS = 40;
const SETTLE = 3_000;

type Schema = Record<string, unknown>;

/** Fields as operators have them: texts with descriptions, limits, lists of type map, nested objects, a rule. */
function schemaOf(seed: number): Schema {
  const text = (what: string): Schema => ({
    type: 'string',
    description: `The ${what} that the controller number ${seed} keeps for this resource, and why it matters to whoever reads it.`,
  });
  const section = (name: string): Schema => ({
    type: 'object',
    description: `Everything about ${name}.`,
    properties: {
      ...Object.fromEntries(
        Array.from({ length: 8 }, (_, i) => [`${name}${i}`, { ...text(`${name} ${i}`), maxLength: 253 }]),
      ),
      replicas: { type: 'integer', format: 'int32', minimum: 0, default: 1 },
      policy: { type: 'string', enum: ['Always', 'Never', 'OnFailure'], default: 'Always' },
      rules: {
        type: 'array',
        maxItems: 50,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        items: {
          type: 'object',
          required: ['name'],
          properties: { name: { ...text('name'), maxLength: 63 }, value: text('value') },
        },
      },
    },
    'x-kubernetes-validations': [{ rule: 'self.replicas <= 100', message: 'at most 100 replicas' }],
  });
  return {
    type: 'object',
    description: 'A resource of an operator.',
    properties: {
      spec: {
        type: 'object',
        properties: { source: section('source'), target: section('target'), network: section('network') },
      },
      status: { type: 'object', properties: { conditions: { type: 'array', items: section('condition') } } },
    },
  };
}

function definition(index: number): unknown {
  const group = `group${index % GROUPS}.example.com`;
  const plural = `things${index}`;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural, kind: `Thing${index}`, shortNames: [`th${index}`] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
          schema: { openAPIV3Schema: schemaOf(index) },
        },
      ],
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SETTLE));
const dataDir = mkdtempSync(join(tmpdir(), 'homeport-crds-'));
const start = async () => {
  const began = performance.now();
  const homeport = await startHomeport(['--runtime', 'simulated', '--log-level', 'error'], dataDir);
  return { homeport, ready: performance.now() - began, pids: [homeport.status.pid] };
};

const rows: string[][] = [['what', 'figure', 'limit']];
const row = (...cells: string[]) => void rows.push(cells);
try {
  const bytes = Buffer.byteLength(JSON.stringify(schemaOf(0)));
  const first = await start();
  await settle();
  const idle = residentMegabytes(first.pids);
  const client = createLoadClient(first.homeport.status.kubeconfig);
  const post = (from: number) => (index: number) => ({
    method: 'POST',
    path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    body: JSON.stringify(definition(from + index)),
  });
  const began = performance.now();
  await client.load(4, 100, post(0));
  const early = performance.now() - began;
  await client.load(4, COUNT - 200, post(100));
  const late = performance.now();
  await client.load(4, 100, post(COUNT - 100));
  const last = performance.now() - late;
  await settle();
  const loaded = residentMegabytes(first.pids);
  const asked = performance.now();
  await client.load(1, 1, () => ({ method: 'GET', path: '/apis' }));
  const discovery = performance.now() - asked;
  await client.load(4, COUNT, (index) => ({
    method: 'GET',
    path: `/apis/group${index % GROUPS}.example.com/v1/namespaces/default/things${index}`,
  }));
  await settle();
  const used = residentMegabytes(first.pids);
  client.close();
  await first.homeport.stop();
  const second = await start();
  await settle();
  const restarted = residentMegabytes(second.pids);
  await second.homeport.stop();
  row('bytes of a schema', String(bytes), '');
  row('resident memory before, MB', idle.toFixed(0), '120');
  row(`more with ${COUNT} definitions, MB`, (loaded - idle).toFixed(0), '150');
  row('more after each was listed once, MB', (used - idle).toFixed(0), '150');
  row('more after a restart with them, MB', (restarted - idle).toFixed(0), '150');
  row('making the first 100 definitions, ms each', (early / 100).toFixed(1), '');
  row('making the last 100 definitions, ms each', (last / 100).toFixed(1), 'as the first');
  row('discovery of all, ms', discovery.toFixed(0), '');
  row('ready without, ms', first.ready.toFixed(0), '');
  row('ready with them, ms', second.ready.toFixed(0), 'as without');
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
printTable(rows);
