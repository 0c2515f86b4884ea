import { Command } from 'commander';
import { createProvenance } from '../../compose/index.ts';
import { clientSource, diagnose, findTroubles, renderTroubles, renderWhy } from '../../diagnose/index.ts';
import type { KubeObject } from '../../machinery/index.ts';
import { colours } from '../colours.ts';
import { type Connection, type ConnectionFlags, connect, withConnection } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import { listResources, readObject } from '../resource-argument.ts';

interface WhyFlags extends ConnectionFlags {
  output?: string;
  allNamespaces?: boolean;
}

/** `homeport why`: what is wrong with an object, or with anything, which field led to it, who can fix it and since when. */
export function whyCommand(): Command {
  const command = withConnection(new Command('why'))
    .description('say in one sentence what is wrong, and who can fix it: of one object, or of all that is not healthy')
    .argument('[object...]', 'KIND/NAME; leave out to ask about everything in the namespace')
    .option('-A, --all-namespaces', 'without an object: ask about the whole cluster')
    .addOption(outputOption(['json']))
    .action(async (words: string[], flags: WhyFlags) => {
      if (flags.allNamespaces && words.length > 0) {
        throw new Error('name an object, or ask about everything with -A, not both');
      }
      const connection = await connect(flags);
      try {
        await (words.length > 0 ? whyOne(connection, words, flags) : whyAll(connection, flags));
      } finally {
        connection.close();
      }
    });
  withExamples(command, [
    ['homeport why application/silly-demo -n a-team', 'in a sentence'],
    ['homeport why deploy/silly-demo -o json', '{healthy, cause, object, field, fixableBy, since}'],
    ['homeport why -n a-team', 'all that is not healthy, a line each'],
    ['homeport why -A', 'the same of the whole cluster'],
  ]);
  return command.addHelpText(
    'after',
    `
With -o json:
  healthy    whether nothing is wrong
  cause      one sentence
  object     KIND/NAME where the fault is
  field      the field to change in the object asked about, or null
  fixableBy  developer (wrote that object), owner (wrote the definition behind
             it), platform (runs the platform), or null: it only needs time
  since      RFC 3339, or null
Without an object it is a list of these, each with the kind, apiVersion,
namespace and name of the object it is about.`,
  );
}

async function whyOne(connection: Connection, words: readonly string[], { output }: WhyFlags): Promise<void> {
  const { client } = connection;
  const resources = await listResources(connection);
  const object = await readObject(connection, resources, words);
  const source = clientSource({ client, resources });
  const now = new Date();
  const diagnosis = await diagnose({ object, source, provenance: createProvenance(client), now });
  console.log(output === 'json' ? JSON.stringify(diagnosis) : renderWhy(diagnosis, { now, colours }));
}

async function whyAll(connection: Connection, { output, allNamespaces = false }: WhyFlags): Promise<void> {
  const { client } = connection;
  const resources = await listResources(connection);
  const namespace = allNamespaces ? undefined : connection.namespace;
  const now = new Date();
  const provenance = createProvenance(client);
  const { found, looked, hidden } = await findTroubles({ client, resources, namespace, provenance, now });
  if (output === 'json') {
    const list = found.map(({ object, diagnosis }) => ({ ...identity(object), ...diagnosis }));
    console.log(JSON.stringify(list));
  } else if (found.length > 0) {
    console.log(renderTroubles(found, { now, colours, namespaces: allNamespaces }));
  } else if (looked === 0) {
    console.log(`there is nothing to look at in namespace ${namespace}: it is empty, or does not exist`);
  } else {
    const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
    console.log(`${colours.green('✓')} everything is healthy${where} ${colours.dim(`(${looked} objects)`)}`);
  }
  if (hidden.length > 0) console.error(`not looked at, because you may not list them: ${hidden.join(', ')}`);
}

const identity = ({ kind, apiVersion, metadata: { namespace, name } }: KubeObject) => ({
  ...{ kind, apiVersion, namespace: namespace ?? null, name },
});
