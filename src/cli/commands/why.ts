import { Command } from 'commander';
import { connect, withConnection } from '../connection.ts';
import { outputOption, withExamples } from '../help.ts';
import type { WhyFlags } from '../why.ts';

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
      const { whyAll, whyOne } = await import('../why.ts');
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
