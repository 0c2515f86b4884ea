import { randomBytes } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controllerOf, parseQuantity, quantityToNumber } from '../../machinery/index.ts';
import type { NodeImage } from '../images.ts';
import { type LogFile, openLogFile, removeLog } from '../logs/write-log.ts';
import type { Container, EphemeralContainer, Pod } from '../pod.ts';
import type { ContainerLimits, ContainerSpec, ContainerUser, RunningContainer, Sandbox } from '../runtime.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { KubeletDeps } from './deps.ts';
import { environmentOf, expand } from './env.ts';
import { capabilitiesOf, userOf } from './identity.ts';
import { type Accounts, hostAccounts, readAccounts } from './image-accounts.ts';
import type { ContainerRecord } from './record.ts';
import { seccompOf, unsupportedInContainer } from './refuse.ts';

/** A container's configuration is wrong, or asks for what this node cannot do. */
export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigError';
  }
}

export interface StartContext {
  deps: KubeletDeps;
  pod: Pod;
  sandbox: Sandbox;
  volumes: PodVolumes;
  /** Another container of the pod, while it runs. */
  running(name: string): RunningContainer | undefined;
}

export interface Started {
  handle: RunningContainer;
  log: LogFile | undefined;
  user: ContainerUser;
}

/** An image as a container's status shows it. */
export const statusImage = ({ reference, digest }: NodeImage): { image: string; imageId: string } => ({
  image: reference,
  imageId: `${reference.replace(/[:@][^/]*$/, '')}@${digest}`,
});

/** Where the log of a container's n-th start lies (the kubelet's layout). */
export function logPath(logs: string, pod: Pod, container: string, attempt: number): string {
  const { namespace, name, uid } = pod.metadata;
  return join(logs, `${namespace}_${name}_${uid}`, container, `${attempt}.log`);
}

/** Where a container writes its last words, on this machine. */
export function terminationFile(deps: KubeletDeps, pod: Pod, container: string): string {
  return join(deps.folders.pods, pod.metadata.uid ?? '', 'termination', container);
}

/**
 * Puts a container together and starts it.
 * @throws ConfigError for what its author has to change, StartError for what went wrong on the machine.
 */
export async function startContainer(
  record: ContainerRecord,
  image: NodeImage,
  context: StartContext,
): Promise<Started> {
  const { deps, pod, sandbox } = context;
  const layers = deps.runtime.runsPrograms ? await deps.images.unpack(image) : [];
  const accounts = image.base === 'host' ? hostAccounts : await readAccounts(layers);
  const spec = { ...(await configured(() => containerSpec(record, image, accounts, context))), layers };
  const { user } = spec;
  if (!deps.runtime.runsPrograms) {
    const handle = await sandbox.start({ ...spec, awaited: isAwaited(record, pod) });
    return { handle, log: undefined, user };
  }
  const previous = record.restarts - 2;
  if (previous >= 0) await removeLog(logPath(deps.folders.logs, pod, record.container.name, previous));
  const log = openLogFile(logPath(deps.folders.logs, pod, record.container.name, record.restarts));
  try {
    const handle = await sandbox.start({ ...spec, output: log.write });
    void handle.exited.then(() => log.close());
    return { handle, log, user };
  } catch (error) {
    log.close();
    throw error;
  }
}

/** Whether nothing goes on before the container has ended: the pod, or its Job. */
function isAwaited({ kind }: ContainerRecord, pod: Pod): boolean {
  return kind === 'init' || (kind === 'main' && controllerOf(pod)?.kind === 'Job');
}

async function configured<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function containerSpec(
  record: ContainerRecord,
  image: NodeImage,
  accounts: Accounts,
  context: StartContext,
): Promise<Omit<ContainerSpec, 'layers'>> {
  const { deps, pod, sandbox, volumes } = context;
  const { container } = record;
  const refused = unsupportedInContainer(container);
  if (refused) throw new Error(refused);
  const own = await environmentOf(container, {
    client: deps.client,
    pod,
    podIp: sandbox.ip,
    hostIp: deps.runtime.hostIp,
    services: deps.servicesFor(pod),
    capacity: deps.capacity,
  });
  const user = userOf(pod, container, image, accounts);
  const env = new Map([...baseEnv(pod, container, image, homeOf(user.uid, accounts)), ...own]);
  const mounts = deps.runtime.runsPrograms
    ? [...(await volumes.mountsOf(container, own)), await terminationMount(deps, pod, container, user.uid)]
    : [];
  return {
    id: randomBytes(32).toString('hex'),
    name: container.name,
    attempt: record.restarts,
    image,
    command: commandOf(container, image, own),
    env,
    workingDir: container.workingDir || image.config.workingDir || '/',
    user,
    capabilities: capabilitiesOf(container),
    noNewPrivileges: container.securityContext?.allowPrivilegeEscalation !== true,
    readOnlyRoot: container.securityContext?.readOnlyRootFilesystem === true,
    seccompUnconfined: seccompOf(pod, container) === 'Unconfined',
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    mounts,
    limits: limitsOf(container),
    processesOf: targetOf(container, context),
    output: () => undefined,
  };
}

const homeOf = (uid: number, accounts: Accounts) => accounts.user(String(uid))?.home || (uid === 0 ? '/root' : '/');

function baseEnv(pod: Pod, container: Container, image: NodeImage, home: string): [string, string][] {
  const base: [string, string][] = [
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['HOME', home],
    ['HOSTNAME', hostnameOf(pod)],
    ...(container.tty ? ([['TERM', 'xterm']] as [string, string][]) : []),
  ];
  const ofImage = image.config.env.map((line): [string, string] => {
    const equals = line.indexOf('=');
    return equals < 0 ? [line, ''] : [line.slice(0, equals), line.slice(equals + 1)];
  });
  return [...base, ...ofImage];
}

/** The name that a pod sees as its own: at most 63 characters. */
export function hostnameOf(pod: Pod): string {
  return (pod.spec?.hostname || pod.metadata.name).slice(0, 63).replace(/[.-]+$/, '');
}

/** command replaces the image's entrypoint and, alone, its arguments; args replace its arguments. */
function commandOf(container: Container, image: NodeImage, env: ReadonlyMap<string, string>): string[] {
  const expanded = (words: readonly string[]) => words.map((word) => expand(word, (name) => env.get(name)));
  const command = container.command?.length ? expanded(container.command) : [...image.config.entrypoint];
  const fallback = container.command?.length ? [] : image.config.cmd;
  const all = [...command, ...(container.args?.length ? expanded(container.args) : fallback)];
  if (all.length === 0) throw new Error('no command specified');
  return all;
}

function targetOf(container: EphemeralContainer, { running }: StartContext): string | undefined {
  const name = container.targetContainerName;
  if (!name) return undefined;
  const target = running(name);
  if (!target) throw new Error(`unable to find target container ${JSON.stringify(name)}`);
  return target.id;
}

/** What a container may use of this machine. */
export function limitsOf(container: Container): ContainerLimits {
  const { memory, cpu } = container.resources?.limits ?? {};
  return {
    ...(memory === undefined ? {} : { memory: quantityToNumber(parseQuantity(memory)) }),
    ...(cpu === undefined ? {} : { cpu: quantityToNumber(parseQuantity(cpu)) * 1000 }),
  };
}

async function terminationMount(deps: KubeletDeps, pod: Pod, container: Container, uid: number) {
  const hostPath = terminationFile(deps, pod, container.name);
  await mkdir(join(hostPath, '..'), { recursive: true, mode: 0o755 });
  await writeFile(hostPath, '', { mode: 0o666 });
  const file = await open(hostPath, 'r+');
  try {
    await file.chmod(0o666);
    await file.chown(uid, -1);
  } finally {
    await file.close();
  }
  const containerPath = container.terminationMessagePath || '/dev/termination-log';
  return { containerPath, hostPath, kind: 'file' as const, readOnly: false };
}
