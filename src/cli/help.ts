import { type Command, Option } from 'commander';
import pc from 'picocolors';

/** The `-o` option in the way kubectl has it. */
export function outputOption(choices: readonly string[]): Option {
  return new Option('-o, --output <format>', 'output format').choices(choices);
}

/** Colours for a terminal; none when the output goes elsewhere or NO_COLOR is set (no-color.org). */
export function terminalColours(): ReturnType<typeof pc.createColors> {
  return pc.createColors(process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb');
}

/** Adds examples to a command's help. */
export function withExamples(command: Command, examples: readonly (readonly [line: string, what: string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  $ ${line.padEnd(width)}   ${pc.dim(what)}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}
