// The old name of a definition: ResourceGroup. A file of its own, because it defines the same kind.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startHomeport, type TestHomeport } from './support/homeport.ts';
import { root } from './support/tools.ts';

let homeport: TestHomeport;
beforeAll(async () => {
  homeport = await startHomeport(['--runtime', 'simulated']);
});
afterAll(() => homeport.stop());

test('a ResourceGroup applies as it is and its instances run', async () => {
  await homeport.kubectl(`apply -f ${join(root, 'test/inputs/resource-group.yaml')}`);
  await homeport.kubectl('wait resourcegroup/application --for=condition=Ready --timeout=20s');
  await homeport.kubectl(`apply -f ${join(root, 'test/inputs/silly-demo.yaml')}`);
  await homeport.kubectl('wait application/silly-demo --for=condition=Ready --timeout=30s');
  expect(await homeport.kubectl('get deploy,service -o name')).toContain('deployment.apps/silly-demo');
  await homeport.kubectl('delete application silly-demo --timeout=20s');
});
