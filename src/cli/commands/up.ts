import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { destination, type Logger, pino } from 'pino';
import { lockDataDir } from '../../host/index.ts';
import { colours } from '../colours.ts';
import { type Configuration, options, readConfiguration } from '../configuration.ts';
import { meaningOf } from '../explain.ts';
import { giveBackMemory } from '../give-back-memory.ts';
import { descriptionsBelow, withExamples } from '../help.ts';
import { readStatus, retire, writeStatus } from '../instance.ts';
import type { Platform } from '../up.ts';
import { packageVersion } from '../version.ts';

/** Where a configuration is looked for when none is named. */
const usualFile = 'homeport.yaml';

/** `homeport up`: start the platform and stay until told to stop. */
export function upCommand(): Command {
  const command = new Command('up')
    .description('start the platform on this machine and stay until Ctrl-C')
    .configureHelp(descriptionsBelow)
    .option('-f, --config <file>', `a homeport.dev/v1alpha1 Configuration (default: ${usualFile}, where there is one)`);
  for (const { flag, description, fallback, choices } of options) {
    const shown = fallback === undefined ? description : `${description} (default: ${fallback})`;
    const option = new Option(flag, shown);
    command.addOption(choices ? option.choices(choices) : option);
  }
  command.action(async (flags: Record<string, unknown>) => {
    const file = (flags['config'] as string | undefined) ?? (existsSync(usualFile) ? usualFile : undefined);
    const configuration = readConfiguration(flags, file);
    await up({ ...configuration, dataDir: resolve(configuration.dataDir) });
  });
  return withExamples(command, [
    ['homeport up', 'data in .homeport, the usual ports or free ones'],
    [
      'homeport up --data /tmp/ci --secure-port 0 --apps-port 0 --registry-port 0',
      'for CI: nothing shared, any free ports',
    ],
    ['homeport up --runtime simulated', 'pods that only pretend to run'],
    ['homeport up --simulate-nodes 1000', 'a thousand nodes besides, in three zones: to see what scale does'],
  ]);
}

async function up(configuration: Configuration): Promise<void> {
  const { dataDir } = configuration;
  takeDataDir(dataDir);
  const stopped = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stopped.resolve(signal));
  const { log, close } = createLog(configuration);
  try {
    const { startPlatform } = await import('../up.ts');
    const platform = await startPlatform(configuration, log);
    publish(configuration, platform);
    console.log(banner(configuration, platform));
    const stopGivingBack = giveBackMemory();
    log.info({ signal: await stopped.promise }, 'stopping');
    stopGivingBack();
    console.log(colours.dim('Stopping: pods first …'));
    await platform.stop();
    console.log(`Stopped. Everything is kept in ${dataDir}.`);
  } finally {
    retire(dataDir);
    await close();
    // Whatever was left behind must not hold a terminal that was told that all has stopped.
    setTimeout(() => process.exit(), 250).unref();
  }
}

/** Takes the data directory, or says what keeps it from us. */
function takeDataDir(dataDir: string): void {
  let holder: number | undefined;
  try {
    holder = lockDataDir(dataDir);
  } catch (error) {
    throw new Error(`the data directory ${dataDir} cannot be used: ${meaningOf(error)}; choose another: --data DIR`);
  }
  if (holder === undefined) return;
  const { api } = readStatus(dataDir, packageVersion());
  const where = api ? `: ${api}, export KUBECONFIG=${join(dataDir, 'kubeconfig')}` : ' and is starting';
  throw new Error(`Homeport is already running on ${dataDir} (process ${holder})${where}`);
}

/** What happens goes to a file, so that the terminal says only what a person needs. */
function createLog({ dataDir, logLevel }: Configuration): { log: Logger; close(): Promise<void> } {
  const file = destination({ dest: join(dataDir, 'homeport.log'), sync: false, mode: 0o600 });
  // The platform goes on without its log; the terminal says why, once.
  let told = '';
  file.on('error', ({ message }: Error) => {
    if (told !== message) console.error(`homeport.log cannot be written: ${message}`);
    told = message;
  });
  return {
    log: pino({ level: logLevel, base: null }, file),
    async close() {
      file.end();
      // A disk that is full takes no more lines: they are not waited for.
      await once(file, 'close', { signal: AbortSignal.timeout(500) }).catch(() => undefined);
    },
  };
}

function publish({ dataDir }: Configuration, { api, node, registry, kubeconfig, capabilities }: Platform): void {
  const [version, pid] = [packageVersion(), process.pid];
  const where = { api: api.url, kubeconfig, apps: node.appsUrl, registry: registry.domain, dataDir };
  writeStatus({ version, pid, ready: true, ...where, capabilities });
}

function banner({ dataDir }: Configuration, { api, node, registry, kubeconfig }: Platform): string {
  const appsPort = new URL(node.appsUrl).port;
  const seconds = (performance.now() / 1000).toFixed(2);
  const rows = [
    ['API', api.url],
    ['Kubeconfig', colours.cyan(`export KUBECONFIG=${kubeconfig}`)],
    ['Apps', `http://NAME.localhost:${appsPort}`],
    ['Registry', registry.domain],
    ['Pods', `${node.runtime} (${node.runtimeReason})`],
    ['Data', `${dataDir} ${colours.dim('(log: homeport.log)')}`],
  ];
  const lines = rows.map(([name, value]) => `  ${colours.dim((name ?? '').padEnd(11))} ${value}`);
  return [
    `${colours.bold(colours.green('Homeport'))} ${packageVersion()} is up ${colours.dim(`(${seconds} s)`)}`,
    '',
    ...lines,
    '',
    `  Try first   ${colours.bold('npx homeport demo')} ${colours.dim('in another terminal: ten lines become an application')}`,
    `  Stop        Ctrl-C`,
  ].join('\n');
}
