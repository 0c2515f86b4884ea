import { expect, test, vi } from 'vitest';
import { ApiError } from '../../machinery/index.ts';
import type { NodeImage } from '../images.ts';
import type { Pod } from '../pod.ts';
import { startSimulatedRuntime } from '../simulated.ts';
import type { KubeletDeps } from './deps.ts';
import { findImage, type ImageResult } from './image.ts';
import { newRecord } from './record.ts';

type Images = KubeletDeps['images'];

const image: NodeImage = {
  ...{ reference: 'docker.io/library/web:1', digest: 'sha256:1', size: 1234, base: undefined },
  config: { entrypoint: [], cmd: [], env: [], workingDir: '/', user: '', labels: {} },
};

/** A container with an image, on a node that has these images. Events are kept as 'Reason: message'. */
function container(images: Partial<Images>, policy: 'Always' | 'IfNotPresent' | 'Never', secrets: string[] = []) {
  const events: string[] = [];
  const all: Images = {
    resolve: async () => undefined,
    tagsOf: async () => [],
    pull: async () => image,
    list: async () => [],
    unpack: async () => [],
    removeUnused: async () => undefined,
    onChange: () => () => undefined,
    ...images,
  };
  // Any runtime that asks for real images.
  const runtime = { ...startSimulatedRuntime(), name: 'linux' as const, runsPrograms: true };
  const record = newRecord({ name: 'main', image: 'web:1', imagePullPolicy: policy }, 'main', 'ContainerCreating');
  const event = (_: unknown, __: string, reason: string, message: string) => void events.push(`${reason}: ${message}`);
  const get = async () => {
    throw new ApiError(404, 'NotFound', 'secrets "login" not found');
  };
  const pod = { metadata: { name: 'p' }, spec: { imagePullSecrets: secrets.map((name) => ({ name })) } } as Pod;
  const changed = vi.fn();
  const deps = { images: all, runtime, client: { get }, recorder: { event } } as unknown as KubeletDeps;
  const emit = (type: string, reason: string, message: string) => event(undefined, type, reason, message);
  return {
    events,
    record,
    look: () => findImage(record, { deps, pod, emit, changed }),
    /** Looks until no pull is under way. */
    async settle(): Promise<ImageResult> {
      for (;;) {
        const result = await this.look();
        if (!('pulling' in result)) {
          if ('waiting' in result) record.state = result.waiting;
          return result;
        }
        await vi.waitFor(() => expect(record.pull?.outcome).toBeDefined());
      }
    },
  };
}

const fail = (message: string) => async () => {
  throw new Error(message);
};

test.each([
  ['a name that cannot be read', fail('bad name'), fail('bad name'), 'InvalidImageName', /bad name/],
  ['a damaged store', fail('the blob is damaged'), async () => ['1'], 'ImageInspectError', /the blob is damaged$/],
])('%s', async (_what, resolve, tagsOf, reason, message) => {
  const found = await container({ resolve, tagsOf }, 'IfNotPresent').look();
  expect(found).toMatchObject({ waiting: { reason, message: expect.stringMatching(message) } });
});

test('what is present is pulled only when the policy is Always, and what is not only when it is not Never', async () => {
  const present = { resolve: async () => image };
  const there = container(present, 'IfNotPresent');
  expect(await there.settle()).toEqual({ image });
  expect(there.events).toEqual(['Pulled: Container image "web:1" already present on machine']);
  const never = container({}, 'Never');
  expect(await never.settle()).toMatchObject({ waiting: { reason: 'ErrImageNeverPull' } });
  expect(never.events).toEqual([
    'ErrImageNeverPull: Container image "web:1" is not present with pull policy of Never',
    'Failed: Error: ErrImageNeverPull',
  ]);
  for (const pulled of [container(present, 'Always'), container({}, 'IfNotPresent')]) {
    expect(await pulled.settle()).toEqual({ image });
    expect(pulled.events).toEqual([
      'Pulling: Pulling image "web:1"',
      expect.stringMatching(
        /^Pulled: Successfully pulled image "web:1" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: 1234 bytes\.$/,
      ),
    ]);
  }
});

test('a pull that fails backs off from 10 seconds, doubling, to 300', async () => {
  const failing = container({ pull: fail('no such host') }, 'IfNotPresent');
  const first = await failing.settle();
  expect(first).toEqual({
    waiting: { is: 'waiting', reason: 'ErrImagePull', message: 'no such host' },
    retryAfter: 3000,
  });
  const second = await failing.settle();
  expect(second).toMatchObject({
    waiting: {
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "web:1": ErrImagePull: no such host',
    },
  });
  await failing.settle();
  expect(failing.events).toEqual([
    'Pulling: Pulling image "web:1"',
    'Failed: Failed to pull image "web:1": no such host',
    'Failed: Error: ErrImagePull',
    'BackOff: Back-off pulling image "web:1"',
    'Failed: Error: ImagePullBackOff',
  ]);
  const delays: number[] = [];
  for (let round = 0; round < 7; round++) {
    delays.push(failing.record.imageBackOff?.delay ?? 0);
    if (failing.record.imageBackOff) failing.record.imageBackOff.until = 0;
    await failing.settle();
  }
  expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
});

test('a pull does not keep its pod waiting, and one for an image that is no longer asked for is forgotten', async () => {
  const pull = Promise.withResolvers<NodeImage>();
  const slow = container({ pull: () => pull.promise }, 'IfNotPresent');
  expect(await slow.look()).toEqual({ pulling: true });
  expect(await slow.look()).toEqual({ pulling: true });
  slow.record.container = { ...slow.record.container, image: 'web:2' };
  expect(await slow.look()).toEqual({ pulling: true });
  expect(slow.events).toEqual(['Pulling: Pulling image "web:1"', 'Pulling: Pulling image "web:2"']);
  pull.resolve(image);
  expect(await slow.settle()).toEqual({ image });
});

test('a pull secret that is not there is said, and done without', async () => {
  const pod = container({}, 'IfNotPresent', ['login', '']);
  expect(await pod.settle()).toEqual({ image });
  expect(pod.events).toContain(
    'FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (login); attempting to pull the image may not succeed.',
  );
});
