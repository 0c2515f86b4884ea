import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { dataDirHolder, lockDataDir, unlockDataDir } from '../../host/index.ts';
import { colours } from '../colours.ts';
import { outputOption, withExamples } from '../help.ts';
import { progressOf } from '../progress.ts';

/** What etcd's documentation advises for a cluster that is restored: no server writes that much between two copies. */
const USUAL_BUMP = 1_000_000_000;

/** `homeport snapshot`: copies of the database, made while the platform runs, and put back. */
export function snapshotCommand(): Command {
  const command = new Command('snapshot').description('copy the database into one file, and put it back');
  command.addCommand(saveCommand());
  command.addCommand(restoreCommand());
  command.addCommand(statusCommand());
  return withExamples(command, [
    ['homeport snapshot save before.snapshot', 'a copy, also while the platform runs'],
    ['homeport snapshot status before.snapshot', 'is it whole, and what does it hold'],
    ['homeport snapshot restore before.snapshot --force', 'back to it, when the platform is stopped'],
  ]);
}

/** Loaded when it is needed: most command lines do without the API server. */
const apiserver = () => import('../../apiserver/index.ts');

/** Runs something that tells how far it is. */
async function watched<T>(what: string, run: (tell: (done: number, total: number) => void) => T): Promise<Awaited<T>> {
  const progress = progressOf(what);
  try {
    return await run(progress.tell);
  } finally {
    progress.end();
  }
}

function saveCommand(): Command {
  const command = new Command('save')
    .summary('copy all objects, as they are at one revision, into a file')
    .description(
      'copy all objects, as they are at one revision, into a file that only you\nmay read. It holds the key that Secrets are sealed with: keep it as safe as\nthe data directory, or leave the key out.',
    )
    .argument('<file>', 'where the copy goes')
    .option('--data <dir>', 'the data directory', '.homeport')
    .option('--without-key', 'leave the key of Secrets out; restoring then needs it')
    .option('--force', 'replace a file that is there')
    .action(async (file: string, flags: { data: string; withoutKey?: boolean; force?: boolean }) => {
      if (existsSync(file) && !flags.force) throw new Error(`${file} is there already; --force replaces it`);
      const dataDir = resolve(flags.data);
      const options = { withKey: !flags.withoutKey, inUse: dataDirHolder(dataDir) !== undefined };
      const { saveSnapshot } = await apiserver();
      const saved = await watched('saving', (progress) => saveSnapshot(dataDir, file, { ...options, progress }));
      const secrets = saved.key === undefined ? 'without the key of Secrets' : 'with the key of Secrets: keep it safe';
      console.log(`${file}: revision ${saved.revision}, ${saved.records} records, ${secrets}`);
    });
  return withExamples(command, [
    ['homeport snapshot save before.snapshot', 'a copy that can be restored by itself'],
    ['homeport snapshot save off-site.snapshot --without-key', 'for a place you trust less'],
  ]);
}

function whole(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, 0 or more.');
}

interface RestoreFlags {
  data: string;
  force?: boolean;
  bumpRevision: number;
  key?: string;
}

function restoreCommand(): Command {
  const command = new Command('restore')
    .summary('make a snapshot the database of a data directory')
    .description(
      'make a snapshot the database of a data directory whose platform is stopped.\nThe copy is checked first, and a database that was there is kept beside it.',
    )
    .argument('<file>', 'the snapshot')
    .option('--data <dir>', 'the data directory; made if there is none', '.homeport')
    .option('--force', 'take the place of a database that is there')
    .option(
      '--bump-revision <n>',
      'go on this far beyond its revision, so that clients\nlist anew; 0 goes on with the same line',
      whole,
      USUAL_BUMP,
    )
    .option('--key <file>', 'the secrets.key for a snapshot that was saved without')
    .action(async (file: string, { data, force = false, bumpRevision, key }: RestoreFlags) => {
      const dataDir = resolve(data);
      const holder = lockDataDir(dataDir);
      if (holder !== undefined) {
        throw new Error(
          `Homeport is running on ${dataDir} (process ${holder}): stop it before its database is replaced`,
        );
      }
      try {
        const options = { force, bumpRevision, ...(key === undefined ? {} : { key: readFileSync(key, 'utf8') }) };
        const { restoreSnapshot } = await apiserver();
        const restored = await watched('restoring', (progress) =>
          restoreSnapshot(file, dataDir, { ...options, progress }),
        );
        console.log(`${join(dataDir, 'db')}: ${restored.objects} objects, at revision ${restored.revision}`);
        if (restored.kept)
          console.log(colours.dim(`What was there before is in ${restored.kept}; remove it when you like.`));
      } finally {
        unlockDataDir(dataDir);
      }
    });
  return withExamples(command, [
    ['homeport snapshot restore before.snapshot --force', 'back to a copy'],
    ['homeport snapshot restore before.snapshot --data elsewhere', 'beside what runs here'],
    ['homeport snapshot restore off-site.snapshot --key secrets.key', 'when it holds no key'],
  ]);
}

function statusCommand(): Command {
  const command = new Command('status')
    .description('check that a snapshot is whole, and say what it holds')
    .argument('<file>', 'the snapshot')
    .addOption(outputOption(['json']))
    .action(async (file: string, { output }: { output?: string }) => {
      const { snapshotStatus } = await apiserver();
      const { header, objects, size } = await watched('reading', (progress) => snapshotStatus(file, progress));
      const { created, revision, floor, records, key } = header;
      const status = { created, revision, floor, records, objects, size, key: key !== undefined };
      if (output === 'json') return console.log(JSON.stringify(status));
      const rows = [
        ['Created', created],
        ['Revision', `${revision} (history from ${floor})`],
        ['Objects', `${objects} (${records} records)`],
        ['Size', `${size} bytes`],
        ['Key', status.key ? 'inside: whoever reads the file can read its Secrets' : 'left out: restore with --key'],
      ];
      console.log(
        [
          `${file} is whole.`,
          ...rows.map(([name, value]) => `  ${colours.dim((name ?? '').padEnd(10))} ${value}`),
        ].join('\n'),
      );
    });
  return withExamples(command, [
    ['homeport snapshot status before.snapshot', 'for people'],
    ['homeport snapshot status before.snapshot -o json', '{created, revision, floor, records, objects, size, key}'],
  ]);
}
