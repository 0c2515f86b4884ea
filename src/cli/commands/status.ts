import { resolve } from 'node:path';
import { Command } from 'commander';
import { colours } from '../colours.ts';
import { outputOption, withExamples } from '../help.ts';
import { type InstanceStatus, readStatus } from '../instance.ts';
import { packageVersion } from '../version.ts';

/** `homeport status`: is one running on this data directory, and where. Exits with 1 when none is ready. */
export function statusCommand(): Command {
  const command = new Command('status')
    .description('say whether Homeport runs here, and where it is reached')
    .option('--data <dir>', 'the data directory it was started with', '.homeport')
    .addOption(outputOption(['json']))
    .action(({ data, output }: { data: string; output?: string }) => {
      const status = readStatus(resolve(data), packageVersion());
      console.log(output === 'json' ? JSON.stringify(status) : renderStatus(status));
      if (!status.ready) process.exitCode = 1;
    });
  return withExamples(command, [
    ['homeport status', 'for people'],
    ['homeport status -o json', '{version, pid, ready, api, kubeconfig, apps, registry, …}'],
  ]);
}

function renderStatus(status: InstanceStatus): string {
  if (status.pid === null)
    return `Homeport is not running on ${status.dataDir}. Start it with: homeport up --data ${status.dataDir}`;
  if (!status.ready) return `Homeport is starting on ${status.dataDir} (process ${status.pid}).`;
  const rows = [
    ['API', status.api],
    ['Kubeconfig', `export KUBECONFIG=${status.kubeconfig}`],
    ['Apps', status.apps],
    ['Registry', status.registry],
    ['Data', status.dataDir],
    ['Capabilities', status.capabilities.join(', ')],
  ];
  const lines = rows.map(([name, value]) => `  ${colours.dim((name ?? '').padEnd(12))}  ${value}`);
  return [`Homeport ${status.version} is ready (process ${status.pid}).`, ...lines].join('\n');
}
