import { afterEach, beforeEach, expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import { requestInfo } from '../rest/request-info.ts';
import { memoryBackend } from '../store/backend.ts';
import { createStore, type Store } from '../store/store.ts';
import { type Admission, createFlowControl, type FlowControl, type Seat } from './flow-control.ts';

const apiVersion = 'flowcontrol.apiserver.k8s.io/v1';
const LIST = info('GET', '/api/v1/namespaces/a/pods');
const EVERYTHING = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] };

type Fields = NonNullable<KubeObject['spec']>;

let store: Store;
let flow: FlowControl;
beforeEach(() => {
  store = createStore(memoryBackend());
  flow = createFlowControl(store, 20);
});
afterEach(async () => {
  flow.stop();
  await store.close();
});

function info(method: string, path: string): RequestInfo {
  return requestInfo(method, path, new URLSearchParams());
}

const user = (username: string, ...groups: string[]): UserInfo => ({
  username,
  groups: [...groups, 'system:authenticated'],
});

function put(
  kind: 'FlowSchema' | 'PriorityLevelConfiguration',
  name: string,
  spec: KubeObject['spec'],
): Promise<unknown> {
  const resource = kind === 'FlowSchema' ? 'flowschemas' : 'prioritylevelconfigurations';
  const object: KubeObject = { apiVersion, kind, metadata: { name, uid: `uid of ${name}` }, spec };
  return store.write({ group: 'flowcontrol.apiserver.k8s.io', resource }, { namespace: '', name }, () => ({
    put: object,
  }));
}

const queued = (shares: number, queuing = { queues: 2, handSize: 1, queueLengthLimit: 3 }): Fields => ({
  type: 'Limited',
  limited: { nominalConcurrencyShares: shares, limitResponse: { type: 'Queue', queuing } },
});

const schemaFor = (level: string, group: string, matchingPrecedence = 100): Fields => ({
  priorityLevelConfiguration: { name: level },
  matchingPrecedence,
  distinguisherMethod: { type: 'ByUser' },
  rules: [{ subjects: [{ kind: 'Group', group: { name: group } }], resourceRules: [EVERYTHING] }],
});

/** Two levels of ten seats each; the catch-all takes five of 105 shares. */
async function twoLevels(): Promise<void> {
  await put('PriorityLevelConfiguration', 'left', queued(50));
  await put('PriorityLevelConfiguration', 'right', queued(50));
  await put('FlowSchema', 'left', schemaFor('left', 'left'));
  await put('FlowSchema', 'right', schemaFor('right', 'right'));
}

const sort = (who: UserInfo): Admission => flow.admit(who, LIST, 1, () => {});
const admit = (who: UserInfo): Seat | Promise<Seat> => sort(who).seat();

test('without objects there are the exempt and the catch-all level, as upstream insists', async () => {
  const exempt = sort(user('root', 'system:masters'));
  expect([exempt.schema.name, exempt.level.spec.exempt]).toEqual(['exempt', true]);
  const other = sort(user('jane'));
  expect([other.schema.name, other.level.nominal]).toEqual(['catch-all', 20]);
});

test('the schema of the lowest precedence that matches sorts a request, by subject and by what it asks for', async () => {
  await twoLevels();
  const account = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } };
  const leases = { verbs: ['get'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] };
  await put('FlowSchema', 'leases', {
    ...schemaFor('right', 'nobody', 1),
    rules: [{ subjects: [account, { kind: 'User', user: { name: 'jane' } }], resourceRules: [leases] }],
  });
  await put('FlowSchema', 'probes', {
    ...schemaFor('right', 'nobody', 2),
    rules: [
      {
        subjects: [{ kind: 'Group', group: { name: '*' } }],
        nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/logs/*'] }],
      },
    ],
  });
  await put('FlowSchema', 'dangling', schemaFor('nowhere', 'left', 1));
  const sorted = (who: UserInfo, method: string, path: string): string =>
    flow.admit(who, info(method, path), 1, () => {}).schema.name;
  const lease = '/apis/coordination.k8s.io/v1/namespaces/a/leases/x';
  const controller = user('system:serviceaccount:kube-system:x', 'left');
  expect(sorted(controller, 'GET', lease)).toBe('leases');
  expect(sorted(user('system:serviceaccount:other:x'), 'GET', lease)).toBe('catch-all');
  expect(sorted(user('jane', 'left'), 'GET', lease)).toBe('leases');
  expect(sorted(user('jane', 'left'), 'PUT', lease)).toBe('left');
  expect(sorted(user('jane', 'left'), 'GET', '/logs/x')).toBe('probes');
  expect(sorted(user('jane', 'left'), 'GET', '/logsx')).toBe('catch-all');
});

test('beyond its seats a level lets requests wait, beyond its queues it turns them away, and other levels go on', async () => {
  await twoLevels();
  const held = await Promise.all(Array.from({ length: 10 }, (_, index) => admit(user(`user-${index}`, 'left'))));
  const waiting = Promise.all([1, 2, 3].map(() => admit(user('late', 'left'))));
  expect(() => admit(user('late', 'left'))).toThrow('Too many requests, please try again later.');
  const more = [1, 2, 3].map(() => admit(user('later', 'left')));
  expect(() => admit(user('latest', 'left'))).toThrow(expect.objectContaining({ code: 429 }));
  expect(await admit(user('jane', 'right'))).toBeDefined();
  for (const seat of held) seat.release();
  for (const seat of held) seat.release();
  expect(await waiting).toHaveLength(3);
  expect(await Promise.all(more)).toHaveLength(3);
  expect([...flow.counts()].find(([{ name }]) => name === 'left')?.[1]).toMatchObject({
    dispatched: 16,
    rejected: 2,
    executing: 6,
    waiting: 0,
  });
});

test('a user keeps no more than half of the seats of a level, and others find theirs', async () => {
  await put('PriorityLevelConfiguration', 'left', queued(95, { queues: 10, handSize: 1, queueLengthLimit: 50 }));
  await put('FlowSchema', 'left', schemaFor('left', 'left'));
  const greedy = Array.from({ length: 50 }, () => admit(user('greedy', 'left')));
  let got = 0;
  for (const seat of greedy) void Promise.resolve(seat).then(() => got++);
  const modest = await Promise.all(Array.from({ length: 5 }, (_, index) => admit(user(`modest-${index}`, 'left'))));
  expect(modest).toHaveLength(5);
  expect(got).toBe(10);
});

test('seats that a level does not need are lent, and come back to it first', async () => {
  const lending = { type: 'Limited', limited: { nominalConcurrencyShares: 45, lendablePercent: 50 } };
  await put('PriorityLevelConfiguration', 'lender', lending);
  await put('PriorityLevelConfiguration', 'left', queued(50, { queues: 50, handSize: 1, queueLengthLimit: 50 }));
  await put('FlowSchema', 'left', schemaFor('left', 'left'));
  await put('FlowSchema', 'lender', schemaFor('lender', 'lender'));
  const started: Seat[] = [];
  for (let index = 0; index < 20; index++) {
    void Promise.resolve(admit(user(`user-${index}`, 'left'))).then((seat) => started.push(seat));
  }
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect(started).toHaveLength(14);
  expect(
    await Promise.all(Array.from({ length: 9 }, (_, index) => admit(user(`own-${index}`, 'lender')))),
  ).toHaveLength(9);
});

test('who hangs up while waiting leaves the queue', async () => {
  await twoLevels();
  const held = await Promise.all(Array.from({ length: 10 }, (_, index) => admit(user(`user-${index}`, 'left'))));
  let hangUp = (): void => {};
  const late = flow.admit(user('late', 'left'), LIST, 1, (leave) => {
    hangUp = leave;
  });
  const waiting = late.seat();
  hangUp();
  await expect(waiting).rejects.toThrow('hung up');
  for (const seat of held) seat.release();
  expect([...flow.levels].map(({ executing, queue }) => executing + queue.length)).toEqual([0, 0, 0, 0]);
});

test('edits of the objects hold from the next request on', async () => {
  await twoLevels();
  expect(sort(user('jane', 'left')).level.spec.uid).toBe('uid of left');
  await put('FlowSchema', 'left', schemaFor('right', 'left'));
  expect(sort(user('jane', 'left')).level.spec.uid).toBe('uid of right');
});

test('an idle server gives a seat at once, and has it back when the request is over', async () => {
  await twoLevels();
  const jane = user('jane', 'a', 'b', 'left');
  for (let index = 0; index < 1000; index++) {
    // Each in a turn of its own: how many fit into one is a matter of time, which others may take from this process.
    await new Promise(setImmediate);
    const seat = admit(jane);
    expect(seat).not.toBeInstanceOf(Promise);
    if (!(seat instanceof Promise)) seat.release();
  }
});
