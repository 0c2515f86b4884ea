import type { Call } from './load.ts';
import { type MeasuredLoad, measure, type Target } from './target.ts';

/** One line of the table. Loads run in order, and later ones read what earlier ones made. */
interface LoadCase {
  what: string;
  /** What kube-apiserver 1.20 with etcd 3.4 did on two cores of another machine, clients on the same cores. */
  before: string;
  run(target: Target): Promise<string>;
}

const PODS = 10_000;
const namespace = '/api/v1/namespaces/bench';
const pods = `${namespace}/pods`;
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`;
const ms = (time: number): string => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`;
const cpu = ({ cpu: each }: MeasuredLoad): string =>
  Number.isNaN(each) ? '' : `, ${each.toFixed(each < 0.1 ? 4 : 2)} ms CPU each`;

const post = (path: string, object: object): Call => ({ method: 'POST', path, body: JSON.stringify(object) });
const get = (path: string, accept?: string): Call => ({ method: 'GET', path, ...(accept ? { accept } : {}) });

/** A ConfigMap with as many characters of data. */
export function configMap(name: string, size = 1024): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(size) } };
}

/** A pod that no scheduler takes, so that only the API server works on it. About 2.6 KB once stored. */
function pod(index: number): object {
  const value = (at: number): string => `value-${at}-${'x'.repeat(20)}`;
  const env = Array.from({ length: 20 }, (_, at) => ({ name: `VARIABLE_${at}`, value: value(at) }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, labels: { app: 'bench', shard: `s${index % 100}` } },
    spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'bench:1', env }] },
  };
}

function createConfigMaps(clients: number, count: number, before: string): LoadCase {
  return {
    what: `create ConfigMaps of 1 KB, ${clients} client${clients === 1 ? '' : 's'}`,
    before,
    async run(target) {
      const load = await measure(target, clients, count, (index) =>
        post(`${namespace}/configmaps`, configMap(`c${clients}-${index}`)),
      );
      return `${perSecond(load.rate)}, p99 ${ms(load.p99)}${cpu(load)}`;
    },
  };
}

function lists(what: string, before: string, call: Call): LoadCase {
  return {
    what,
    before,
    async run(target) {
      await target.client.send(call);
      const load = await measure(target, 1, 9, () => call);
      return `${ms(load.p50)}${cpu(load)}`;
    },
  };
}

const writes = (
  what: string,
  before: string,
  clients: number,
  count: number,
  call: (index: number) => Call,
): LoadCase => ({
  what: `${what}, ${clients} clients`,
  before,
  async run(target) {
    const load = await measure(target, clients, count, call);
    return `${perSecond(load.rate)}, p99 ${ms(load.p99)}${cpu(load)}`;
  },
});

/** How long writes take while somebody else lists all pods again and again. */
const writesDuringLists: LoadCase = {
  what: 'p50 and p99 of a write, 8 clients, while all pods are listed in a loop',
  before: '',
  async run(target) {
    let writing = true;
    let listed = 0;
    const listing = (async () => {
      for (; writing; listed++) await target.client.send(get(pods));
    })();
    const { p50, p99 } = await target.client.load(8, 2000, (index) =>
      post(`${namespace}/configmaps`, configMap(`during-${index}`)),
    );
    writing = false;
    await listing;
    return `${ms(p50)}, ${ms(p99)} (${listed} lists)`;
  },
};

const fanOut: LoadCase = {
  what: '200 watchers, 500 events each',
  before: '39,000/s',
  async run(target) {
    const watchers = 200;
    const events = 500;
    const path = '/api/v1/namespaces/fan/configmaps';
    let seen = 0;
    const done = Promise.withResolvers<void>();
    const closers: (() => void)[] = [];
    for (let index = 0; index < watchers; index++) {
      const close = await target.client.watch(`${path}?watch=true`, (count) => {
        seen += count;
        if (seen >= watchers * events) done.resolve();
      });
      closers.push(close);
    }
    const start = performance.now();
    const load = await measure(target, 16, events, (index) => post(path, configMap(`f${index}`)));
    await done.promise;
    const rate = seen / ((performance.now() - start) / 1000);
    for (const close of closers) close();
    return `${perSecond(rate)}${cpu({ ...load, cpu: load.cpu / watchers })}`;
  },
};

/** Also lets Homeport's just-in-time compiler see the writes that follow, as a server that has run for a minute has. */
const namespaces: LoadCase = {
  what: 'create a Namespace',
  before: '',
  async run({ client }) {
    const create = (name: string) =>
      post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    const { p50 } = await client.load(1, 3, (index) => create(['bench', 'fan', 'warm'][index] ?? ''));
    const warm = '/api/v1/namespaces/warm/configmaps';
    await client.load(16, 3000, (index) => post(warm, configMap(`warm-${index}`)));
    return ms(p50);
  },
};

const patchStatus = (index: number): Call => ({
  method: 'PATCH',
  path: `${pods}/pod-${index}/status`,
  contentType: 'application/merge-patch+json',
  body: JSON.stringify({ status: { message: `patched ${index}` } }),
});

const apply = (index: number): Call => ({
  method: 'PATCH',
  path: `${namespace}/configmaps/applied-${index}?fieldManager=bench`,
  contentType: 'application/apply-patch+yaml',
  body: JSON.stringify(configMap(`applied-${index}`)),
});

const byLabel = `${pods}?labelSelector=shard%3Ds7`;

export const loads: readonly LoadCase[] = [
  namespaces,
  createConfigMaps(1, 1000, '652/s'),
  createConfigMaps(16, 4000, '1,640/s'),
  createConfigMaps(64, 4000, '1,933/s'),
  writes('create Pods of 2.6 KB', '987/s, p99 140 ms', 32, PODS, (index) => post(pods, pod(index))),
  lists('list 10,000 pods, consistent', '863 ms', get(pods)),
  lists('list 10,000 pods, from the cache', '219 ms', get(`${pods}?resourceVersion=0`)),
  lists('list 10,000 pods as a Table', '', get(pods, TABLE)),
  lists('list by label, 100 of 10,000, consistent', '228 ms', get(byLabel)),
  lists('list by label, 100 of 10,000, from the cache', '8 ms', get(`${byLabel}&resourceVersion=0`)),
  writes('GET a pod', '4,428/s', 32, 15_000, (index) => get(`${pods}/pod-${index % PODS}`)),
  writes("patch a pod's status", '792/s', 16, 4000, patchStatus),
  writes('server-side apply that creates', '1,645/s', 16, 3000, apply),
  writes('server-side apply that changes nothing', '', 16, 3000, apply),
  writesDuringLists,
  fanOut,
];
