import { Command } from 'commander';
import { dockerConfigurations } from '../docker-config.ts';
import { outputOption, withExamples } from '../help.ts';
import { bytesText, showTransfers } from '../transfers.ts';
import { registry, storeOf } from './image-store.ts';

interface TransferFlags {
  data: string;
  insecureRegistry?: string[];
  output?: string;
}

const withTransferOptions = (command: Command) =>
  command
    .option('--insecure-registry <host...>', 'registries to speak to without TLS, as HOST or HOST:PORT')
    .option('--data <dir>', 'the data directory of the store', '.homeport')
    .addOption(outputOption(['json']));

/** `homeport image pull` */
export function pullCommand(): Command {
  const command = withTransferOptions(
    new Command('pull')
      .description('bring images from registries into the local store')
      .argument('<image...>', 'names as pods have them; logins are those of docker login'),
  ).action(async (images: string[], flags: TransferFlags) => {
    const { createPuller } = await registry();
    const puller = createPuller(await storeOf(flags.data), { insecure: new Set(flags.insecureRegistry) });
    const configurations = await dockerConfigurations();
    for (const name of images) {
      const transfers = showTransfers('pulled');
      const image = await puller.pull(name, configurations, transfers.tell).finally(transfers.end);
      const { reference, digest, size } = image;
      if (flags.output === 'json') console.log(JSON.stringify({ reference, digest, size }));
      else console.log(`${reference}: ${digest} (${bytesText(size)})`);
    }
  });
  return withExamples(command, [
    ['homeport image pull nginx:1.27 ghcr.io/acme/app@sha256:…', 'before a train journey'],
    ['homeport image pull lan:5000/app:1 --insecure-registry lan:5000', 'without TLS'],
  ]);
}

/** `homeport image push` */
export function pushCommand(): Command {
  const command = withTransferOptions(
    new Command('push')
      .description('send an image of the local store to a registry')
      .argument('<image>', 'the image as the store has it')
      .argument('[destination]', 'where it goes (default: where its name says)'),
  ).action(async (image: string, destination: string | undefined, flags: TransferFlags) => {
    const { pushImage } = await registry();
    const transfers = showTransfers('pushed');
    const pushed = await pushImage({
      store: await storeOf(flags.data),
      image,
      destination,
      configurations: await dockerConfigurations(),
      insecure: new Set(flags.insecureRegistry),
      tell: transfers.tell,
    }).finally(transfers.end);
    if (flags.output === 'json') console.log(JSON.stringify(pushed));
    else console.log(`${pushed.reference}: ${pushed.digest}`);
  });
  return withExamples(command, [
    ['homeport image push silly-demo:1.4.305 ghcr.io/acme/silly-demo:1.4.305', 'to a registry, under a name there'],
    [
      'homeport image push silly-demo:1.4.305 registry.localhost/silly-demo:1',
      'into the registry that Homeport serves',
    ],
  ]);
}
