import type { KubeObject } from '../../machinery/index.ts';
import type { RequestInfo, UserInfo } from '../contracts.ts';
import type { Core } from '../core.ts';
import { flag } from '../flag.ts';
import { settle } from './steps.ts';

/** How the options of a connection read a parameter of the query: a switch, a text, a list of texts or of numbers. */
const PARAMETERS: Readonly<Record<string, (query: URLSearchParams, name: string) => unknown>> = {
  command: (query, name) => query.getAll(name),
  container: (query, name) => query.get(name) ?? undefined,
  path: (query, name) => query.get(name) ?? undefined,
  ports: (query, name) => query.getAll(name).flatMap((text) => text.split(',').map(Number)),
  stderr: flag,
  stdin: flag,
  stdout: flag,
  tty: flag,
};

/** The options of a connection as an object: the query of pods/exec as PodExecOptions. */
function optionsOf(kind: string, query: URLSearchParams): KubeObject {
  const options: Record<string, unknown> = { kind, apiVersion: 'v1' };
  for (const [name, read] of Object.entries(PARAMETERS)) {
    const value = query.has(name) ? read(query, name) : undefined;
    if (value !== undefined && value !== false) options[name] = value;
  }
  return options as unknown as KubeObject;
}

interface Connection {
  info: RequestInfo;
  query: URLSearchParams;
  user: UserInfo;
  annotate(key: string, value: string): void;
}

/** Asks admission about a connection (exec, attach, port-forward, proxy). Throws ApiError to refuse it. */
export async function admitConnection(core: Core, { info, query, user, annotate }: Connection): Promise<void> {
  const registration = core.registry.find(info.group, info.version, info.resource);
  const kind = registration?.served.subresources.find(({ name }) => name === info.subresource)?.kind;
  if (!registration || kind === undefined) return;
  const question = {
    operation: 'CONNECT' as const,
    registration,
    user,
    object: optionsOf(kind, query),
    old: undefined,
    subresource: info.subresource,
    name: info.name,
    namespace: info.namespace,
    options: undefined,
    dryRun: false,
    flight: { over: false },
    warn: () => {},
    annotate,
  };
  await settle(core.admission.mutate(question));
  await settle(core.admission.validate(question));
}
