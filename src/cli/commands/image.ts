import { resolve } from 'node:path';
import { Command } from 'commander';
import { outputOption, withExamples } from '../help.ts';
import { printRows } from '../table.ts';
import { bytesText } from '../transfers.ts';
import { pruneCommand, removeCommand } from './image-remove.ts';
import { registry, storeOf } from './image-store.ts';
import { pullCommand, pushCommand } from './image-transfer.ts';

interface BuildFlags {
  data: string;
  tag: string[];
  entrypoint?: string[];
  env?: string[];
  workdir?: string;
}

/** `homeport image`: the local store of images that pods start from. */
export function imageCommand(): Command {
  const command = new Command('image').description('build, pull, push and list the images that pods start from');
  for (const sub of [buildCommand, pullCommand, pushCommand, listCommand, removeCommand, pruneCommand])
    command.addCommand(sub());
  return withExamples(command, [
    ['homeport image build examples/silly-demo -t silly-demo:1.4.305', 'pack a folder'],
    ['homeport image pull nginx:1.27', 'from a registry'],
    ['homeport image push silly-demo:1.4.305 ghcr.io/acme/silly-demo:1.4.305', 'to a registry'],
    ['homeport image list', 'what is there'],
  ]);
}

function buildCommand(): Command {
  const command = new Command('build')
    .description("pack a folder into an image on top of this machine's own programs (read-only)")
    .argument('<folder>', 'what goes into the image, under /app')
    .requiredOption('-t, --tag <reference...>', 'name and tag, as pods will name it')
    .option('--entrypoint <words...>', "the program and its arguments (default: from the folder's package.json)")
    .option('--env <name=value...>', 'variables that the program starts with')
    .option('--workdir <path>', 'the folder inside the image that the program starts in')
    .option('--data <dir>', 'the data directory whose store it goes to', '.homeport')
    .action(async (folder: string, flags: BuildFlags) => {
      const { buildImage } = await registry();
      const start = performance.now();
      const { entrypoint, workdir, tag: tags } = flags;
      const store = await storeOf(flags.data);
      const env = Object.fromEntries((flags.env ?? []).map(parseVariable));
      const image = await buildImage({ store, folder: resolve(folder), tags, entrypoint, env, workdir });
      const took = ((performance.now() - start) / 1000).toFixed(2);
      console.log(`${tags.join(', ')}: ${image.digest} (${bytesText(image.size)}, ${took} s)`);
    });
  return withExamples(command, [
    ['homeport image build examples/silly-demo -t silly-demo:1.4.305', 'the entry point comes from package.json'],
    ['homeport image build site -t site:1 --entrypoint python3 -m http.server', 'any program of this machine'],
  ]);
}

function parseVariable(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new Error(`--env takes NAME=VALUE, not "${text}"`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function listCommand(): Command {
  const command = new Command('list')
    .description('list the images of the local store')
    .option('--data <dir>', 'the data directory of the store', '.homeport')
    .addOption(outputOption(['json']))
    .action(async ({ data, output }: { data: string; output?: string }) => {
      const images = await (await storeOf(data)).list();
      if (output === 'json') console.log(JSON.stringify(images));
      else if (images.length === 0) console.log('No images yet. Make one: homeport image build FOLDER -t NAME:TAG');
      else
        printRows(
          ['IMAGE', 'DIGEST', 'SIZE', 'CREATED'],
          images.map((image) => [image.reference, image.digest.slice(0, 19), bytesText(image.size), image.created]),
        );
    });
  return withExamples(command, [['homeport image list -o json', 'for scripts']]);
}
