// The API server under load, beside what kube-apiserver 1.20 with etcd 3.4 does on two cores with clients on the same
// cores. One real `homeport up` (TLS, durable, every controller running, simulated pods), one client process.
import { startHomeport } from '../test/support/homeport.ts';
import { type Call, createLoadClient, type LoadClient } from './support/load.ts';
import { residentMegabytes } from './support/memory.ts';
import { printTable } from './support/table.ts';

type Row = readonly [what: string, homeport: string, peer: string];

const namespace = '/api/v1/namespaces/bench';
const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`;
const ms = (time: number): string => `${Math.round(time)} ms`;
const mb = (size: number): string => `${Math.round(size)} MB`;

function post(collection: string, object: object): Call {
  return { method: 'POST', path: `${namespace}/${collection}`, body: JSON.stringify(object) };
}

function configMap(name: string): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(1024) } };
}

/** A pod that no scheduler takes, so that only the API server works on it. About 2.6 KB once stored. */
function pod(index: number): object {
  const env = Array.from({ length: 20 }, (_, at) => ({
    name: `VARIABLE_${at}`,
    value: `value-${at}-${'x'.repeat(20)}`,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, labels: { app: 'bench', shard: `s${index % 100}` } },
    spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'bench:1', env }] },
  };
}

async function creates(client: LoadClient): Promise<Row[]> {
  const rates: string[] = [];
  for (const [clients, count] of [
    [1, 1500],
    [16, 6000],
    [64, 6000],
  ] as const) {
    const { rate } = await client.load(clients, count, (index) =>
      post('configmaps', configMap(`c${clients}-${index}`)),
    );
    rates.push(perSecond(rate));
  }
  const pods = await client.load(32, 10_000, (index) => post('pods', pod(index)));
  return [
    ['create ConfigMaps of 1 KB, 1 / 16 / 64 clients', rates.join(' / '), '652 / 1,640 / 1,933/s'],
    ['create Pods, 32 clients', `${perSecond(pods.rate)}, p99 ${ms(pods.p99)}`, '987/s, p99 140 ms'],
  ];
}

async function lists(client: LoadClient): Promise<Row[]> {
  const time = async (query: string): Promise<string> => {
    const call = { method: 'GET', path: `${namespace}/pods${query}` };
    await client.send(call);
    const { p50 } = await client.load(1, 7, () => call);
    return ms(p50);
  };
  const size = await client.send({ method: 'GET', path: `${namespace}/pods` });
  const byLabel = '?labelSelector=shard%3Ds7';
  return [
    [
      `list 10,000 pods (${mb(size / 1e6)}), consistent / cache`,
      `${await time('')} / ${await time('?resourceVersion=0')}`,
      '863 / 219 ms (26 MB)',
    ],
    [
      'list by label, 100 of 10,000, consistent / cache',
      `${await time(byLabel)} / ${await time(`${byLabel}&resourceVersion=0`)}`,
      '228 / 8 ms',
    ],
  ];
}

async function readsAndPatches(client: LoadClient): Promise<Row[]> {
  const gets = await client.load(32, 20_000, (index) => ({
    method: 'GET',
    path: `${namespace}/pods/pod-${index % 10_000}`,
  }));
  const patches = await client.load(16, 5000, (index) => ({
    method: 'PATCH',
    path: `${namespace}/pods/pod-${index}/status`,
    contentType: 'application/merge-patch+json',
    body: JSON.stringify({ status: { message: `patched ${index}` } }),
  }));
  const applies = await client.load(16, 4000, (index) => ({
    method: 'PATCH',
    path: `${namespace}/configmaps/applied-${index}?fieldManager=bench`,
    contentType: 'application/apply-patch+yaml',
    body: JSON.stringify(configMap(`applied-${index}`)),
  }));
  return [
    ['GET, 32 clients', perSecond(gets.rate), '4,428/s'],
    [
      'patch status / server-side apply create, 16 clients',
      `${perSecond(patches.rate)} / ${perSecond(applies.rate)}`,
      '792 / 1,645/s',
    ],
  ];
}

async function fanOut(client: LoadClient): Promise<Row> {
  const watchers = 200;
  const writes = 500;
  let seen = 0;
  const done = Promise.withResolvers<void>();
  const closers: (() => void)[] = [];
  for (let index = 0; index < watchers; index++) {
    const path = `/api/v1/namespaces/fan/configmaps?watch=true`;
    const close = await client.watch(path, (count) => {
      seen += count;
      if (seen >= watchers * writes) done.resolve();
    });
    closers.push(close);
  }
  const start = performance.now();
  await client.load(16, writes, (index) => ({
    method: 'POST',
    path: '/api/v1/namespaces/fan/configmaps',
    body: JSON.stringify(configMap(`f${index}`)),
  }));
  await done.promise;
  const rate = seen / ((performance.now() - start) / 1000);
  for (const close of closers) close();
  return ['200 watchers, 500 events each', `${perSecond(rate)} events`, '39,000/s events'];
}

const started = performance.now();
const homeport = await startHomeport(['--runtime', 'simulated', '--log-level', 'error']);
try {
  const ready = performance.now() - started;
  const client = createLoadClient(homeport);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const idle = residentMegabytes(homeport.status.pid);
  for (const name of ['bench', 'fan']) {
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await client.send({ method: 'POST', path: '/api/v1/namespaces', body: JSON.stringify(object) });
  }
  const rows: Row[] = [
    ['ready (process start to first answer)', ms(ready), '3,000–4,300 ms'],
    ['idle memory: everything', mb(idle), '486–516 MB (4 processes)'],
    ...(await creates(client)),
    ...(await lists(client)),
    ...(await readsAndPatches(client)),
    await fanOut(client),
  ];
  rows.push(['memory after that load', mb(residentMegabytes(homeport.status.pid)), '993 + 182 MB']);
  client.close();
  printTable([['what', 'Homeport', 'kube-apiserver 1.20 + etcd 3.4'], ...rows]);
} finally {
  await homeport.stop();
}
