import { resolve } from 'node:path';
import { Command } from 'commander';
import { dataDirHolder } from '../../host/index.ts';
import { colours } from '../colours.ts';
import { withExamples } from '../help.ts';
import { progressOf } from '../progress.ts';

/** `homeport check`: is everything in the database as it was written. */
export function checkCommand(): Command {
  const command = new Command('check')
    .summary('read the whole database and check that it is as it was written')
    .description(
      'read the whole database and check that it is as it was written: the pages of\nits file (when the platform is stopped), every record, and that names and\nrecords agree. Each start checks what a crash could have torn.',
    )
    .option('--data <dir>', 'the data directory', '.homeport')
    .action(async ({ data }: { data: string }) => {
      const dataDir = resolve(data);
      const inUse = dataDirHolder(dataDir) !== undefined;
      const { checkDatabase } = await import('../../apiserver/index.ts');
      const progress = progressOf('checking');
      try {
        const found = await checkDatabase(dataDir, inUse, progress.tell);
        const pages = inUse ? ' The pages of the file were not checked: it is in use.' : '';
        console.log(
          `${colours.green('✓')} ${found.objects} objects in ${found.records} records, up to revision ${found.revision}: all as written.${pages}`,
        );
      } finally {
        progress.end();
      }
    });
  return withExamples(command, [
    ['homeport check', 'the database of .homeport'],
    ['homeport check --data elsewhere', 'after a restore, or when a disk is in doubt'],
  ]);
}
