import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { KubeObject, Resource } from '../machinery/index.ts';
import { createClient } from './create-client.ts';
import { createRecorder } from './create-recorder.ts';
import { createFakeApi } from './testing/fake-api.ts';

const events: Resource = { group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true };
const log = pino({ level: 'silent' });

function setUp() {
  const api = createFakeApi([events]);
  const client = createClient(api);
  let now = Date.parse('2025-01-01T00:00:00Z');
  const recorder = createRecorder(client, 'test-controller', log, { now: () => new Date(now) });
  const list = async () => (await client.list(events)).items;
  return { api, client, recorder, list, pass: (milliseconds: number) => (now += milliseconds) };
}

function pod(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'a', uid: `uid-${name}` } };
}

describe('a recorder', () => {
  it('records who says what about which object', async () => {
    const { recorder, list } = setUp();
    recorder.event(pod('one'), 'Normal', 'Started', 'It runs');
    await recorder.flush();
    expect(await list()).toMatchObject([
      {
        metadata: { namespace: 'a' },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'one', namespace: 'a', uid: 'uid-one' },
        type: 'Normal',
        reason: 'Started',
        message: 'It runs',
        count: 1,
        firstTimestamp: '2025-01-01T00:00:00Z',
        source: { component: 'test-controller' },
      },
    ]);
  });

  it('lets one Event stand for all that come after nine different messages for the same reason', async () => {
    const { recorder, list, pass } = setUp();
    for (let index = 1; index <= 12; index += 1) recorder.event(pod('one'), 'Normal', 'Created', `Created ${index}`);
    recorder.event(pod('one'), 'Normal', 'Deleted', 'Deleted 1');
    await recorder.flush();
    const messages = (await list()).map((event) => [event['message'], event['count']]);
    const apart = Array.from({ length: 9 }, (_, index) => [`Created ${index + 1}`, 1]);
    expect(messages).toEqual([...apart, ['(combined from similar events): Created 12', 3], ['Deleted 1', 1]]);
    pass(600_001);
    recorder.event(pod('one'), 'Normal', 'Created', 'Created 13');
    await recorder.flush();
    expect((await list()).map((event) => event['message'])).toContain('Created 13');
  });

  it('tells apart the parts of an object, and says on which node it is', async () => {
    const { client, list } = setUp();
    const recorder = createRecorder(client, 'kubelet', log, { host: 'node-1' });
    for (const part of ['spec.containers{a}', 'spec.containers{b}', 'spec.containers{a}'])
      recorder.event(pod('one'), 'Normal', 'Pulled', 'It is there', part);
    await recorder.flush();
    const source = { component: 'kubelet', host: 'node-1' };
    expect(await list()).toMatchObject([
      {
        involvedObject: { name: 'one', fieldPath: 'spec.containers{a}' },
        count: 2,
        source,
        reportingInstance: 'node-1',
      },
      { involvedObject: { name: 'one', fieldPath: 'spec.containers{b}' }, count: 1, source },
    ]);
  });

  it('counts repeats instead of recording them again', async () => {
    const { recorder, list, pass } = setUp();
    recorder.event(pod('one'), 'Warning', 'BackOff', 'It fails');
    await recorder.flush();
    pass(5000);
    recorder.event(pod('one'), 'Warning', 'BackOff', 'It fails');
    recorder.event(pod('one'), 'Warning', 'BackOff', 'It fails');
    await recorder.flush();
    const [event, ...others] = await list();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      count: 3,
      lastTimestamp: '2025-01-01T00:00:05Z',
      firstTimestamp: '2025-01-01T00:00:00Z',
    });
  });

  it('records again what has expired', async () => {
    const { client, recorder, list } = setUp();
    recorder.event(pod('one'), 'Normal', 'Started', 'It runs');
    await recorder.flush();
    for (const { metadata } of await list()) await client.delete(events, metadata);
    recorder.event(pod('one'), 'Normal', 'Started', 'It runs');
    await recorder.flush();
    expect(await list()).toHaveLength(1);
  });

  it('stops a flood about one object, not about others, and goes on later', async () => {
    const { recorder, list, pass } = setUp();
    for (let number = 0; number < 100; number += 1) recorder.event(pod('one'), 'Normal', `Tick${number}`, 'tick');
    recorder.event(pod('two'), 'Normal', 'Tick', 'tick');
    await recorder.flush();
    expect(await list()).toHaveLength(26);
    pass(300_000);
    recorder.event(pod('one'), 'Normal', 'Tick', 'later');
    await recorder.flush();
    expect(await list()).toHaveLength(27);
  });

  it('never throws', async () => {
    const { api, recorder, list } = setUp();
    api.failWith = new Error('the server is away');
    recorder.event(pod('one'), 'Normal', 'Started', 'It runs');
    await recorder.flush();
    api.failWith = undefined;
    recorder.event(pod('one'), 'Normal', 'Started', 'It runs');
    await recorder.flush();
    expect(await list()).toHaveLength(1);
  });
});
