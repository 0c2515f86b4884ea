// What a request pays for fairness on an idle server: processor time to find its priority level, take a seat and give it back.
import { createFlowControl } from '../src/apiserver/flow/flow-control.ts';
import { requestInfo } from '../src/apiserver/rest/request-info.ts';
import { memoryBackend } from '../src/apiserver/store/backend.ts';
import { createStore } from '../src/apiserver/store/store.ts';
import { printTable } from './support/table.ts';

const count = 100_000;
const pods = requestInfo('GET', '/api/v1/namespaces/a/pods', new URLSearchParams());
const store = createStore(memoryBackend());
const flow = createFlowControl(store);

/** Microseconds of processor time a request. */
async function cost(username: string, ...groups: string[]): Promise<string> {
  const user = { username, groups: [...groups, 'system:authenticated'] };
  const began = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    const seat = flow.admit(user, pods, 1, () => {}).seat();
    (seat instanceof Promise ? await seat : seat).release();
    if (index % 100 === 0) await new Promise(setImmediate);
  }
  const { user: own, system } = process.cpuUsage(began);
  return `${((own + system) / count).toFixed(2)} µs`;
}

await cost('jane');
printTable([
  ['who', 'processor time a request'],
  ['an administrator (exempt)', await cost('root', 'system:masters')],
  ['a user', await cost('jane')],
]);
flow.stop();
await store.close();
