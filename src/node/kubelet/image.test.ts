import { expect, test } from 'vitest';
import { startSimulatedRuntime } from '../simulated.ts';
import type { KubeletDeps } from './deps.ts';
import { findImage } from './image.ts';
import { newRecord } from './record.ts';

type Images = KubeletDeps['images'];

function lookUp(resolve: Images['resolve'], tagsOf: Images['tagsOf']) {
  const images: Images = {
    resolve,
    tagsOf,
    explainMissing: async () => 'it is missing',
    list: async () => [],
    unpack: async () => [],
    removeUnused: async () => undefined,
    onChange: () => () => undefined,
  };
  // Any runtime that asks for real images.
  const runtime = { ...startSimulatedRuntime(), name: 'linux' as const };
  const record = newRecord({ name: 'main', image: 'web:1' }, 'main', 'ContainerCreating');
  return findImage(record, { images, runtime }, () => undefined);
}

const fail = (message: string) => async () => {
  throw new Error(message);
};

test.each([
  ['a name that cannot be read', fail('bad name'), fail('bad name'), 'InvalidImageName', /bad name/],
  ['a damaged store', fail('the blob is damaged'), async () => ['1'], 'ErrImagePull', /^the blob is damaged$/],
  ['a tag that is not there', async () => undefined, async () => [], 'ErrImagePull', /^it is missing$/],
])('%s', async (_what, resolve, tagsOf, reason, message) => {
  const found = await lookUp(resolve, tagsOf);
  expect(found).toMatchObject({ waiting: { reason, message: expect.stringMatching(message) } });
});
