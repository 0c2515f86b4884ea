// Runs on any test runner; here Node's own: node --test examples/controller/greeter.test.ts
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type ControlPlane, hasCondition, resourceOf, startControlPlane } from 'homeport/envtest';
import { greeter, greetings } from './greeter.ts';

const configMaps = resourceOf('v1', 'ConfigMap');
const greeting = (namespace: string, name: string) => ({
  apiVersion: 'example.dev/v1',
  kind: 'Greeting',
  metadata: { namespace, name: 'first' },
  spec: { name },
});

let plane: ControlPlane;
before(async () => {
  plane = await startControlPlane({
    controllers: ['garbage-collector', 'namespace-controller'],
    manifests: [new URL('greeting.yaml', import.meta.url)],
  });
  plane.run(greeter);
});
after(() => plane.stop());

test('a Greeting becomes a ConfigMap, and follows it', async () => {
  const namespace = await plane.namespace('greeting');
  await plane.apply(greeting(namespace, 'Ada'));
  await plane.settled();
  const { data } = await plane.client.get(configMaps, { namespace, name: 'first' });
  assert.deepEqual(data, { text: 'Hello, Ada!' });

  await plane.apply(greeting(namespace, 'Grace'));
  const { data: changed } = await plane
    .until(greetings, { namespace, name: 'first' }, hasCondition('Ready'))
    .then(() => plane.client.get(configMaps, { namespace, name: 'first' }));
  assert.deepEqual(changed, { text: 'Hello, Grace!' });
});

test('a ConfigMap that is deleted comes back, and goes with its Greeting', async () => {
  const namespace = await plane.namespace('greeting');
  const key = { namespace, name: 'first' };
  await plane.apply(greeting(namespace, 'Ada'));
  await plane.settled();
  await plane.client.delete(configMaps, key);
  await plane.settled();
  assert.ok(await plane.client.find(configMaps, key));
  await plane.client.delete(greetings, key);
  await plane.settled();
  assert.equal(await plane.client.find(configMaps, key), undefined);
});

test('a Greeting without a name is refused by its schema', async () => {
  const namespace = await plane.namespace('greeting');
  await assert.rejects(plane.apply({ ...greeting(namespace, ''), spec: {} }), /spec\.name: Required value/);
});
