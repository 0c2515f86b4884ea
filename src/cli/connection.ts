import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { type Client, createClient, createHttpTransport, loadKubeconfig, type Transport } from '../client/index.ts';
import { readStatus } from './instance.ts';
import { packageVersion } from './version.ts';

export interface ConnectionFlags {
  data: string;
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

export interface Connection {
  client: Client;
  transport: Transport;
  /** The namespace asked for, or that of the kubeconfig's context, or 'default'. */
  namespace: string;
  close(): void;
}

/** The flags by which a command finds its API server. */
export function withConnection(command: Command): Command {
  return command
    .option('-n, --namespace <name>', "the object's namespace (default: the context's)")
    .option('--data <dir>', 'the data directory of a Homeport on this machine', '.homeport')
    .option('--kubeconfig <file>', 'another API server (default: the running Homeport, else $KUBECONFIG)')
    .option('--context <name>', 'a context of the kubeconfig');
}

/** Connects to the API server that the flags name. Throws an Error that says what to do when there is none. */
export async function connect(flags: ConnectionFlags): Promise<Connection> {
  const config = await loadKubeconfig(kubeconfigPath(flags), flags.context);
  const transport = createHttpTransport(config);
  return {
    client: createClient(transport),
    transport,
    namespace: flags.namespace ?? config.namespace ?? 'default',
    close: () => transport.close(),
  };
}

function kubeconfigPath(flags: ConnectionFlags): string {
  if (flags.kubeconfig) return flags.kubeconfig;
  const status = readStatus(resolve(flags.data), packageVersion());
  if (status.kubeconfig) return status.kubeconfig;
  const fallback = process.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config');
  if (existsSync(fallback)) return fallback;
  throw new Error(`no Homeport runs on ${status.dataDir}, and there is no kubeconfig: start one with "homeport up"`);
}
