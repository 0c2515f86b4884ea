import { Command } from 'commander';
import { createProvenance } from '../../compose/index.ts';
import { clientSource, diagnose, renderWhy } from '../../diagnose/index.ts';
import { type ConnectionFlags, connect, withConnection } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import { listResources, readObject } from '../resource-argument.ts';

/** `homeport why`: what is wrong with an object, which of its fields led to it, who can fix it and since when. */
export function whyCommand(): Command {
  const command = withConnection(new Command('why'))
    .description('say in one sentence what is wrong with an object, and who can fix it')
    .argument('<object...>', 'KIND/NAME')
    .addOption(outputOption(['json']))
    .action(async (words: string[], flags: ConnectionFlags & { output?: string }) => {
      const connection = await connect(flags);
      try {
        const resources = await listResources(connection);
        const object = await readObject(connection, resources, words);
        const { client } = connection;
        const source = clientSource({ client, resources });
        const diagnosis = await diagnose({ object, source, provenance: createProvenance(client), now: new Date() });
        console.log(flags.output === 'json' ? JSON.stringify(diagnosis) : renderWhy(diagnosis));
      } finally {
        connection.close();
      }
    });
  return withExamples(command, [
    ['homeport why application/silly-demo -n a-team', 'in a sentence'],
    ['homeport why deploy/silly-demo -o json', '{healthy, cause, object, field, fixableBy, since}'],
  ]);
}
