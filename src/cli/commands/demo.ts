import { resolve } from 'node:path';
import { Command } from 'commander';
import { connect } from '../connection.ts';
import { withExamples } from '../help.ts';
import { readStatus } from '../instance.ts';
import { packageVersion } from '../version.ts';

/** `homeport demo`: the ten lines of examples/application, applied to the running Homeport, explained as they go. */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description('from ten lines to a running application, on the Homeport that runs here')
    .option('--data <dir>', 'the data directory of the running Homeport', '.homeport')
    .option('--remove', 'remove what the demonstration made')
    .action(async ({ data, remove }: { data: string; remove?: boolean }) => {
      const status = readStatus(resolve(data), packageVersion());
      if (!status.ready || !status.apps) {
        throw new Error(`Homeport is not running on ${status.dataDir}: start it in another terminal with "npm start"`);
      }
      const { demo, namespace, removeDemo } = await import('../demo.ts');
      const connection = await connect({ data, namespace });
      try {
        await (remove ? removeDemo(connection.client) : demo(connection, status.dataDir, status.apps));
      } finally {
        connection.close();
      }
    });
  return withExamples(command, [
    ['homeport demo', 'build an image, define what an Application is, run one'],
    ['homeport demo --remove', 'take it all away again'],
  ]);
}
