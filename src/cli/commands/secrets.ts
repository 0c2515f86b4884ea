import { resolve } from 'node:path';
import { Command } from 'commander';
import { createHttpTransport, loadKubeconfig } from '../../client/index.ts';
import { dataDirHolder, lockDataDir, unlockDataDir } from '../../host/index.ts';
import { colours } from '../colours.ts';
import { outputOption, withExamples } from '../help.ts';
import { readStatus } from '../instance.ts';
import { printRows } from '../table.ts';
import { packageVersion } from '../version.ts';

interface Flags {
  data: string;
  output?: string;
}

interface SecretsStatus {
  keys: { id: string; created?: string; newest: boolean; records: number }[];
  unnamed: number;
}

/** `homeport secrets`: the keys that Secrets are sealed with on disk. */
export function secretsCommand(): Command {
  const command = new Command('secrets').description('the keys that Secrets are sealed with on disk');
  command.addCommand(rotateCommand());
  command.addCommand(statusCommand());
  return withExamples(command, [
    ['homeport secrets rotate', 'a new key for everything, and the old one is gone'],
    ['homeport secrets status', 'which keys there are, and how much each has sealed'],
  ]);
}

function rotateCommand(): Command {
  const command = new Command('rotate')
    .summary('make a new key and seal every Secret again with it')
    .description(
      'make a new key, seal every Secret and its history again with it, and forget\nthe old one. The platform may be running or stopped. If it is cut off, both\nkeys stay, and it goes on at the next start or the next rotate.',
    )
    .option('--data <dir>', 'the data directory', '.homeport')
    .addOption(outputOption(['json']))
    .action(async ({ data, output }: Flags) => {
      const { key, records } = await ask<{ key: string; records: number }>(data, 'rotate');
      if (output === 'json') return console.log(JSON.stringify({ key, records }));
      console.log(`Secrets are sealed with the new key ${key}: ${records} records were sealed again.`);
      console.log(colours.dim('Snapshots from before still need the key from before, unless they hold it.'));
    });
  return withExamples(command, [['homeport secrets rotate', 'when somebody may have seen the old key']]);
}

function statusCommand(): Command {
  const command = new Command('status')
    .description('say which keys there are, and how many records each has sealed')
    .option('--data <dir>', 'the data directory', '.homeport')
    .addOption(outputOption(['json']))
    .action(async ({ data, output }: Flags) => {
      const status = await ask<SecretsStatus>(data, 'status');
      if (output === 'json') return console.log(JSON.stringify(status));
      const rows = status.keys.map(({ id, created, newest, records }) => [
        ...[id, created ?? '<unknown>', String(records), newest ? 'seals' : 'opens only'],
      ]);
      printRows(['KEY', 'CREATED', 'RECORDS', 'USE'], rows);
      if (status.unnamed > 0) {
        console.log(colours.dim(`${status.unnamed} records are from before keys had ids: rotate names them.`));
      }
    });
  return withExamples(command, [
    ['homeport secrets status -o json', '{keys: [{id, created, newest, records}], unnamed}'],
  ]);
}

/** Asks the platform that has the data directory; without one, does it here, with the directory locked meanwhile. */
async function ask<T>(data: string, action: 'status' | 'rotate'): Promise<T> {
  const dataDir = resolve(data);
  if (dataDirHolder(dataDir) !== undefined) return askRunning(dataDir, action);
  const { openSecrets } = await import('../../apiserver/index.ts');
  const holder = lockDataDir(dataDir);
  // It has just started.
  if (holder !== undefined) return askRunning(dataDir, action);
  try {
    const { secrets, close } = openSecrets(dataDir);
    try {
      return (await secrets[action]()) as T;
    } finally {
      await close();
    }
  } finally {
    unlockDataDir(dataDir);
  }
}

async function askRunning<T>(dataDir: string, action: 'status' | 'rotate'): Promise<T> {
  const { kubeconfig } = readStatus(dataDir, packageVersion());
  if (!kubeconfig) throw new Error(`Homeport is starting on ${dataDir}: ask again when it is up`);
  const transport = createHttpTransport(await loadKubeconfig(kubeconfig));
  try {
    const rotates = action === 'rotate';
    const path = rotates ? '/homeport/secrets/rotate' : '/homeport/secrets';
    return (await transport.request({ method: rotates ? 'POST' : 'GET', path })) as T;
  } finally {
    transport.close();
  }
}
