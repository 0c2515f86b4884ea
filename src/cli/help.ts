import { type Command, type HelpConfiguration, Option } from 'commander';
import { colours } from './colours.ts';

/** The `-o` option in the way kubectl has it. */
export function outputOption(choices: readonly string[]): Option {
  return new Option('-o, --output <format>', 'output format').choices(choices);
}

/** Adds examples to a command's help; what each does stands above it, so that lines fit a terminal of 80 columns. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, what: string])[]): Command {
  const lines = examples.map(([line, what]) => `  ${colours.dim(`# ${what}`)}\n  $ ${line}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

const WIDTH = 80;
const INDENT = ' '.repeat(6);

/** Help with each description below its flag: for commands with flags too long to stand beside anything. */
export const descriptionsBelow: HelpConfiguration = {
  formatItem(term, _, description, helper) {
    const text = helper.boxWrap(description, (helper.helpWidth ?? WIDTH) - INDENT.length);
    return `  ${term}\n${INDENT}${text.replaceAll('\n', `\n${INDENT}`)}`;
  },
};
