import { resolve } from 'node:path';
import { Command } from 'commander';
import { resourceOf } from '../../machinery/index.ts';
import type { ImageStore, StoredImage } from '../../registry/index.ts';
import { connect } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import { readStatus } from '../instance.ts';
import { bytesText } from '../transfers.ts';
import { packageVersion } from '../version.ts';
import { storeOf } from './image-store.ts';

/** `homeport image rm` */
export function removeCommand(): Command {
  const command = new Command('rm')
    .description('forget images of the local store; containers that run go on')
    .argument('<image...>', 'names, as the list shows them')
    .option('--data <dir>', 'the data directory of the store', '.homeport')
    .action(async (images: string[], { data }: { data: string }) => {
      const store = await storeOf(data);
      for (const image of images) {
        if (!(await store.remove(image))) throw new Error(`removing ${image}: it is not in the local image store`);
        console.log(`${image}: removed`);
      }
    });
  return withExamples(command, [['homeport image rm silly-demo:1.4.305', 'and what no other image needs of it']]);
}

/** `homeport image prune` */
export function pruneCommand(): Command {
  const command = new Command('prune')
    .description('remove pulled images that no pod uses, and what interrupted pulls and pushes left')
    .option('-a, --all', 'also images that were built or pushed here')
    .option('--data <dir>', 'the data directory of the store', '.homeport')
    .addOption(outputOption(['json']))
    .action(async ({ all, data, output }: { all?: boolean; data: string; output?: string }) => {
      const { layersInUse } = await import('../../node/index.ts');
      const store = await storeOf(data);
      const used = await digestsInUse(store, data);
      const removed: string[] = [];
      for (const image of await store.list()) {
        if (used.has(image.digest) || !(all || image.pulled)) continue;
        if (await store.remove(image.reference)) removed.push(image.reference);
      }
      const freed = await store.sweep();
      await store.removeUnused(await layersInUse(resolve(data)));
      if (output === 'json') console.log(JSON.stringify({ removed, freed }));
      else {
        for (const name of removed) console.log(`${name}: removed`);
        console.log(`${removed.length} images removed, ${bytesText(freed)} of leftovers`);
      }
    });
  return withExamples(command, [
    ['homeport image prune', 'what can be pulled again'],
    ['homeport image prune --all', 'all that no pod uses'],
  ]);
}

/** Digests of the images that pods of the running Homeport name or run; none when it does not run. */
async function digestsInUse(store: ImageStore, data: string): Promise<Set<string>> {
  const used = new Set<string>();
  if (readStatus(resolve(data), packageVersion()).pid === null) return used;
  const { client, close } = await connect({ data });
  try {
    const { items } = await client.list(resourceOf('v1', 'Pod'));
    for (const pod of items) for (const name of imagesOf(pod)) await note(store, name, used);
  } finally {
    close();
  }
  return used;
}

interface ContainerLike {
  image?: string;
  imageID?: string;
}

/** Every image that a pod's specification or status names. */
function imagesOf(pod: { spec?: unknown; status?: unknown }): string[] {
  const spec = (pod.spec ?? {}) as Record<string, ContainerLike[] | undefined>;
  const status = (pod.status ?? {}) as Record<string, ContainerLike[] | undefined>;
  const all = [
    ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((field) => spec[field] ?? []),
    ...['containerStatuses', 'initContainerStatuses'].flatMap((field) => status[field] ?? []),
  ];
  return all.flatMap(({ image, imageID }) => [image, imageID]).filter((name): name is string => Boolean(name));
}

async function note(store: ImageStore, name: string, used: Set<string>): Promise<void> {
  const digest = /sha256:[0-9a-f]{64}$/.exec(name)?.[0];
  if (digest !== undefined) used.add(digest);
  // A name that cannot be read is that of no image here.
  const image = await store.resolve(name).catch((): StoredImage | undefined => undefined);
  if (image) used.add(image.digest);
}
