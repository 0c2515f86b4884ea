import { expect, test } from 'vitest';
import type { KubeObject } from '../../machinery/index.ts';
import { memoryBackend } from './backend.ts';
import { expireEvents } from './maintenance.ts';
import { createStore } from './store.ts';

const EVENTS = { group: '', resource: 'events' };

test('Events go an hour after they last happened', async () => {
  const store = createStore(memoryBackend());
  const event = (name: string, created: string, last?: string): Promise<unknown> => {
    const metadata = { name, namespace: 'a', creationTimestamp: created };
    const object: KubeObject = { apiVersion: 'v1', kind: 'Event', metadata, ...(last ? { lastTimestamp: last } : {}) };
    return store.write(EVENTS, { namespace: 'a', name }, () => ({ put: object }));
  };
  await event('old', '2026-01-01T00:00:00Z');
  await event('repeated', '2026-01-01T00:00:00Z', '2026-01-01T01:30:00Z');
  await event('new', '2026-01-01T01:30:00Z');
  await event('prophetic', '2026-01-01T00:00:00Z', '2999-01-01T00:00:00Z');
  await expireEvents(store, Date.parse('2026-01-01T02:00:00Z'));
  const left = [...store.cache(EVENTS).entries.from('a')].map(({ name }) => name);
  expect(left).toEqual(['new', 'repeated']);
  await store.close();
});
