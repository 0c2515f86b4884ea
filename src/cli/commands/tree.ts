import { Command } from 'commander';
import { clientSource, ownershipTree, renderTree } from '../../diagnose/index.ts';
import { type ConnectionFlags, connect, withConnection } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import { listResources, readObject } from '../resource-argument.ts';

/** `homeport tree`: what an object owns, and what that owns, with how each is doing. */
export function treeCommand(): Command {
  const command = withConnection(new Command('tree'))
    .description('show what an object owns, all the way down to its pods')
    .argument('<object...>', 'KIND/NAME')
    .addOption(outputOption(['json']))
    .action(async (words: string[], flags: ConnectionFlags & { output?: string }) => {
      const connection = await connect(flags);
      try {
        const resources = await listResources(connection);
        const object = await readObject(connection, resources, words);
        const source = clientSource({ client: connection.client, resources });
        const tree = await ownershipTree(object, source);
        console.log(flags.output === 'json' ? JSON.stringify(tree, undefined, 2) : renderTree(tree, new Date()));
      } finally {
        connection.close();
      }
    });
  return withExamples(command, [
    ['homeport tree application/silly-demo -n a-team', 'an application and all that it is made of'],
    ['homeport tree deploy silly-demo -o json', 'for scripts'],
  ]);
}
