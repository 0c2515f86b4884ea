import { Command } from 'commander';
import type { Client } from '../../client/index.ts';
import type { ObjectSource, TreeNode } from '../../diagnose/index.ts';
import { colours } from '../colours.ts';
import { type ConnectionFlags, connect, withConnection } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import { listResources, readObject } from '../resource-argument.ts';

/** `homeport tree`: what an object owns, and what that owns, with how each is doing. */
export function treeCommand(): Command {
  const command = withConnection(new Command('tree'))
    .description('show what an object is made of, down to its pods, and how each part is doing')
    .argument('<object...>', 'KIND/NAME')
    .option('--usage', 'show what its pods use of CPUs and memory, too')
    .addOption(outputOption(['json']))
    .action(async (words: string[], flags: ConnectionFlags & { output?: string; usage?: boolean }) => {
      const { clientSource, ownershipTree, renderTree, treeJson } = await import('../../diagnose/index.ts');
      const connection = await connect(flags);
      try {
        const resources = await listResources(connection);
        const object = await readObject(connection, resources, words);
        const source = clientSource({ client: connection.client, resources });
        const owned = await ownershipTree(object, source);
        const tree = flags.usage ? await measured(connection.client, owned, source) : owned;
        const text = () => renderTree(tree, { now: new Date(), colours });
        console.log(flags.output === 'json' ? JSON.stringify(treeJson(tree), undefined, 2) : text());
      } finally {
        connection.close();
      }
    });
  withExamples(command, [
    ['homeport tree application/silly-demo -n a-team', 'an application and all that it is made of'],
    ['homeport tree application/silly-demo -n a-team --usage', 'with what it uses, part by part'],
    ['homeport tree ingress/silly-demo -n a-team', 'an ingress, the services it sends to'],
    ['homeport tree deploy silly-demo -o json', 'for scripts'],
  ]);
  return command.addHelpText(
    'after',
    `
With -o json every object is
{kind, apiVersion, namespace, name, status, message, link, usage, children}:
  status   Healthy, Progressing, Degraded, Suspended, Missing or Unknown
  message  why it is not healthy
  link     root, owner (its parent owns it) or reference (its parent only
           points to it)
  usage    with --usage: {cpu: '143m', memory: '12Mi'} of all its pods`,
  );
}

/** The tree with what its pods use. Throws an Error where nobody measures. */
async function measured(client: Client, tree: TreeNode, source: ObjectSource): Promise<TreeNode> {
  const { usageApi, withUsage } = await import('../../diagnose/index.ts');
  if (await client.resourceFor(usageApi.apiVersion, usageApi.kind)) return withUsage(tree, source);
  throw new Error('usage is not measured here: the cluster does not serve metrics.k8s.io (metrics-server brings it)');
}
