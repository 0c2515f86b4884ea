// Memory with 100,000 ConfigMaps of 2 KB, put in through the API while everything runs. `--peer` as for api-server.
import { configMap } from './support/loads.ts';
import { residentMegabytes } from './support/process.ts';
import { printTable } from './support/table.ts';
import { startTargets } from './support/target.ts';

const OBJECTS = 100_000;
const NAMESPACES = 20;
/** An object has about 500 bytes beside its data. */
const DATA = 1500;
const IDLE_AFTER = 5000;

/** Pages of the database and of programs are shared with the system's cache, which takes them back when it needs them. */
function resident(pids: readonly number[]): string {
  const [all, mapped] = [residentMegabytes(pids), residentMegabytes(pids, 'RssFile')].map(Math.round);
  return `${all} MB, ${mapped} MB of them mapped files`;
}

const targets = await startTargets();
try {
  const rows = [['what', ...targets.map(({ name }) => name)], [`resident memory with ${OBJECTS} objects of 2 KB`]];
  for (const { client, pids } of targets) {
    const path = (index: number): string => `/api/v1/namespaces/many-${index % NAMESPACES}/configmaps`;
    await client.load(1, NAMESPACES, (index) => ({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `many-${index}` } }),
    }));
    await client.load(32, OBJECTS, (index) => ({
      method: 'POST',
      path: path(index),
      body: JSON.stringify(configMap(`object-${index}`, DATA)),
    }));
    const loaded = resident(pids);
    await new Promise((resolve) => setTimeout(resolve, IDLE_AFTER));
    rows[1]?.push(`${loaded}; ${IDLE_AFTER / 1000} s later ${resident(pids)}`);
  }
  printTable(rows);
} finally {
  for (const target of targets) await target.stop();
}
