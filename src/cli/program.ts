import { Command } from 'commander';
import { colours } from './colours.ts';
import { checkCommand } from './commands/check.ts';
import { completionCommand } from './commands/completion.ts';
import { demoCommand } from './commands/demo.ts';
import { imageCommand } from './commands/image.ts';
import { secretsCommand } from './commands/secrets.ts';
import { snapshotCommand } from './commands/snapshot.ts';
import { statusCommand } from './commands/status.ts';
import { treeCommand } from './commands/tree.ts';
import { upCommand } from './commands/up.ts';
import { whyCommand } from './commands/why.ts';
import { explain } from './explain.ts';
import { outputOption, withExamples } from './help.ts';
import { packageVersion } from './version.ts';

const commands = [
  upCommand,
  demoCommand,
  statusCommand,
  treeCommand,
  whyCommand,
  imageCommand,
  snapshotCommand,
  secretsCommand,
  checkCommand,
];

/** The whole command line. Exported for the tests and for completion, which is generated from it. */
export function createProgram(): Command {
  const program = new Command('homeport')
    .description('An internal developer platform in one process that speaks Kubernetes.')
    .version(packageVersion(), '-V, --version')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true });
  for (const command of commands) program.addCommand(command());
  program.addCommand(versionCommand());
  program.addCommand(completionCommand(program));
  withExamples(program, [
    ['homeport up', 'start here, with data in .homeport'],
    ['homeport demo', 'from ten lines to a running application'],
    ['homeport why application/silly-demo -n a-team', 'what is wrong, and who can fix it'],
  ]);
  hintAtHelp(program, program.name());
  return program;
}

/** After a mistake in the arguments a command says where its help is. */
function hintAtHelp(command: Command, path: string): void {
  command.showHelpAfterError(`(${path} --help shows what there is)`);
  for (const child of command.commands) hintAtHelp(child, `${path} ${child.name()}`);
}

/**
 * A reader that has seen enough (`| head`) is no fault: what is left to print is for nobody, and a command ends. The
 * platform goes on: others use it.
 */
function endWithReader(command: string | undefined): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (command !== 'up') process.exit();
  });
}

/** Runs a command line and ends the process: 0, or 1 with one plain line on stderr. */
export async function run(argv: readonly string[]): Promise<void> {
  endWithReader(argv[2]);
  try {
    await createProgram().parseAsync([...argv]);
  } catch (error) {
    console.error(`${colours.red('error:')} ${explain(error)}`);
    process.exitCode = 1;
  }
}

function versionCommand(): Command {
  const command = new Command('version')
    .description('print the version of Homeport and of what it runs on')
    .addOption(outputOption(['json']))
    .action(({ output }: { output?: string }) => {
      const version = {
        homeport: packageVersion(),
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
      };
      console.log(
        output === 'json'
          ? JSON.stringify(version)
          : `Homeport ${version.homeport} (Node ${version.node}, ${version.platform})`,
      );
    });
  return withExamples(command, [['homeport version -o json', 'for scripts']]);
}
