import { type Command, Option } from 'commander';
import { colours } from './colours.ts';

/** The `-o` option in the way kubectl has it. */
export function outputOption(choices: readonly string[]): Option {
  return new Option('-o, --output <format>', 'output format').choices(choices);
}

/** Adds examples to a command's help. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, what: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  $ ${line.padEnd(width)}   ${colours.dim(what)}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
