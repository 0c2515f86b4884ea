import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { yaml } from '../machinery/index.ts';
import type { HttpTransportConfig } from './http-transport.ts';

/** What a kubeconfig's context says: how to reach the server, and the namespace to use when none is named. */
export interface Kubeconfig extends HttpTransportConfig {
  context: string;
  namespace: string;
}

type Section = Record<string, unknown>;

/**
 * Reads a kubeconfig (client.authentication and clientcmd v1 Config): certificates and keys inline or in files
 * relative to it, tokens and token files.
 * @param context the context to use; the file's current-context if left out.
 * @throws Error that names the file and what is wrong in it; also for exec and auth-provider plugins, which are not supported.
 */
export async function loadKubeconfig(path: string, context?: string): Promise<Kubeconfig> {
  const fail = (what: string): never => {
    throw new Error(`kubeconfig ${path}: ${what}`);
  };
  const text = await readFile(path, 'utf8').catch((error: unknown) =>
    fail(`cannot be read: ${error instanceof Error ? error.message : String(error)}`),
  );
  const config = parseConfig(text, fail);
  const name = context ?? textOf(config, 'current-context') ?? fail('has no current-context; name a context');
  const chosen = named(config, 'contexts', name, 'context', fail);
  const cluster = named(config, 'clusters', textOf(chosen, 'cluster') ?? '', 'cluster', fail);
  const userName = textOf(chosen, 'user');
  const user = userName ? named(config, 'users', userName, 'user', fail) : {};
  refuseUnsupported(user, cluster, fail);

  const pem = (section: Section, field: string) => readPem(section, field, dirname(path), fail);
  const tokenFile = textOf(user, 'tokenFile');
  return {
    context: name,
    namespace: textOf(chosen, 'namespace') ?? 'default',
    server: textOf(cluster, 'server') ?? fail(`the cluster of context "${name}" has no server`),
    caPem: await pem(cluster, 'certificate-authority'),
    certPem: await pem(user, 'client-certificate'),
    keyPem: await pem(user, 'client-key'),
    token: textOf(user, 'token'),
    tokenFile: tokenFile && !textOf(user, 'token') ? resolve(dirname(path), tokenFile) : undefined,
    serverName: textOf(cluster, 'tls-server-name'),
    insecure: cluster['insecure-skip-tls-verify'] === true,
  };
}

type Fail = (what: string) => never;

function parseConfig(text: string, fail: Fail): Section {
  let config: unknown;
  try {
    config = yaml().parse(text, { maxAliasCount: 0 });
  } catch (error) {
    return fail(`is not YAML: ${String(error)}`);
  }
  return isSection(config) ? config : fail('is not a mapping');
}

/** The `field` part of the list's entry with this name. */
function named(config: Section, list: string, name: string, field: string, fail: Fail): Section {
  const entries = Array.isArray(config[list]) ? (config[list] as unknown[]) : [];
  const entry = entries.find((each) => isSection(each) && each['name'] === name);
  if (!isSection(entry)) {
    const names = entries.map((each) => (isSection(each) ? String(each['name']) : '?')).join(', ');
    return fail(`has no ${field} named "${name}" (it has: ${names || 'none'})`);
  }
  const section = entry[field];
  return isSection(section) ? section : {};
}

function refuseUnsupported(user: Section, cluster: Section, fail: Fail): void {
  const instead = 'use a client certificate or a token instead';
  if (user['exec']) fail(`its user relies on an exec plugin, which is not supported; ${instead}`);
  if (user['auth-provider']) fail(`its user relies on an auth-provider, which is not supported; ${instead}`);
  if (user['username'] || user['password'])
    fail(`its user has a password, which Kubernetes no longer accepts; ${instead}`);
  if (cluster['proxy-url']) fail('its cluster has a proxy-url, which is not supported');
}

/** `FIELD-data` in base64 wins over the file that `FIELD` names, as in client-go. */
async function readPem(section: Section, field: string, folder: string, fail: Fail): Promise<string | undefined> {
  const inline = textOf(section, `${field}-data`);
  if (inline) return Buffer.from(inline, 'base64').toString('utf8');
  const file = textOf(section, field);
  if (!file) return undefined;
  return readFile(resolve(folder, file), 'utf8').catch((error: unknown) => fail(`${field}: ${String(error)}`));
}

function textOf(section: Section, field: string): string | undefined {
  const value = section[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
