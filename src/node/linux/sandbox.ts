import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { etcFiles } from '../etc-files.ts';
import { removeTree } from '../remove-tree.ts';
import { type ContainerSpec, type RunningContainer, type Sandbox, type SandboxSpec, StartError } from '../runtime.ts';
import { type Cable, insideOf, layCable, plugIn } from './cable.ts';
import { type ContainerHost, type LinuxContainer, resumeContainer, startContainer } from './container.ts';
import { knownProcess, signalKnown } from './process.ts';
import { type Found, forgetSandbox, type SandboxRecord, type SavedSpec, saveSandbox } from './records.ts';
import { quote, spawnTool } from './shell.ts';
import { sum } from './usage.ts';

/** What sandboxes need from the instance. */
export interface SandboxHost
  extends Omit<ContainerHost, 'sandboxDir' | 'recordDir' | 'sandboxId' | 'pausePid' | 'pidNamespace'> {
  /** Folder of all sandboxes, on disk. */
  dir: string;
  /** Folder of what is written down of them, in memory. */
  records: string;
  gateway: string;
}

/** Where a sandbox is in the network. */
export interface Address {
  ip: string;
  /** In the instance's range. */
  number: number;
  /** Name of the host's end of the sandbox's cable: at most 15 characters. */
  cable: string;
}

/** A sandbox that an earlier process has left running, and its containers. */
export interface LinuxSurvivor {
  sandbox: Sandbox;
  containers: { spec: SavedSpec; resume: (output: ContainerSpec['output']) => RunningContainer }[];
}

const lifeFile = 'life';

/** Holds the namespaces of a pod with a process that does nothing, and connects them to this machine. */
export async function createSandbox(spec: SandboxSpec, host: SandboxHost, address: Address): Promise<Sandbox> {
  const sandboxDir = join(host.dir, spec.id);
  const recordDir = join(host.records, spec.id);
  await writeEtc(join(sandboxDir, 'etc'), spec, address.ip);
  await mkdir(recordDir, { mode: 0o700 });
  const life = join(recordDir, lifeFile);
  await host.pipes.place(life);
  const pause = startPause(spec, host, address, life);
  const exit = once(pause, 'exit').then(() => undefined);
  const pid = pause.pid ?? -1;
  try {
    await expectLine(pause, 'ready');
    await layCable(cableOf(address, host), pid);
    pause.stdin?.write('go\n');
    await expectLine(pause, 'done');
    const record = { spec, ...address, pause: knownProcess(pid) };
    await saveSandbox(recordDir, record);
    pause.stdin?.end('kept\n');
    // It outlives this process, which waits for nothing more from it.
    for (const stream of [pause.stdout, pause.stderr]) stream?.destroy();
    pause.unref();
    return handleOf(record, host).sandbox;
  } catch (error) {
    pause.kill('SIGKILL');
    await exit;
    await removeTree(recordDir);
    await removeTree(sandboxDir);
    throw error;
  }
}

/** Takes over a sandbox that an earlier process has left running. @throws Error when it is not what it was */
export async function adoptSandbox(found: Found, record: SandboxRecord, host: SandboxHost): Promise<LinuxSurvivor> {
  await plugIn(cableOf(record, host));
  const { sandbox, add, place } = handleOf(record, host);
  // A start that was cut short leaves no container.
  for (const { record: container, keeper, folder } of found.containers) {
    if (container) continue;
    if (keeper) signalKnown(keeper, 'SIGKILL');
    await removeTree(folder);
  }
  const containers = found.containers.flatMap(({ record: container }) => {
    if (!container) return [];
    return [
      {
        spec: container.spec,
        resume: (output: ContainerSpec['output']) => add(resumeContainer(container, place, output)),
      },
    ];
  });
  return { sandbox, containers };
}

const cableOf = ({ cable, ip }: Address, { gateway }: SandboxHost): Cable => ({ cable, ip, gateway });

function handleOf(record: SandboxRecord, host: SandboxHost) {
  const { spec, ip, pause } = record;
  const place = {
    ...host,
    sandboxDir: join(host.dir, spec.id),
    recordDir: join(host.records, spec.id),
    sandboxId: spec.id,
    pausePid: pause.pid,
  };
  const containers = new Set<LinuxContainer>();
  const lost = untilClosed(join(place.recordDir, lifeFile));

  function pidNamespaceOf({ processesOf }: ContainerSpec): string | undefined {
    if (spec.shareProcesses) return `/proc/${pause.pid}/ns/pid_for_children`;
    if (processesOf === undefined) return undefined;
    const target = [...containers].find(({ id }) => id === processesOf);
    if (!target) throw new StartError('CreateContainerError', 'the container whose processes it is to see has ended');
    return `/proc/${target.pid}/ns/pid`;
  }

  function add(container: LinuxContainer): LinuxContainer {
    const tracked = { ...container, remove: () => container.remove().then(() => void containers.delete(tracked)) };
    containers.add(tracked);
    return tracked;
  }

  let removed: Promise<void> | undefined;
  async function takeDown(): Promise<void> {
    forgetSandbox(place.recordDir);
    for (const container of containers) container.signal('SIGKILL');
    await Promise.all([...containers].map((container) => container.remove()));
    signalKnown(pause, 'SIGKILL');
    await lost;
    await removeTree(place.recordDir);
    await removeTree(place.sandboxDir);
  }

  const sandbox: Sandbox = {
    id: spec.id,
    ip,
    lost,
    async start(container) {
      return add(await startContainer(container, { ...place, pidNamespace: pidNamespaceOf(container) }));
    },
    dial: (port) => dial(ip, pause.pid, port),
    usage: async () => sum(await Promise.all([...containers].map((container) => container.usage()))),
    remove() {
      removed ??= takeDown();
      return removed;
    },
  };
  return { sandbox, add, place };
}

/** Resolves when nobody holds the other end of a named pipe any more. */
function untilClosed(path: string): Promise<void> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const socket = new Socket({ fd, readable: true, writable: false });
  return new Promise((resolve) => {
    socket.on('data', () => undefined);
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
}

function startPause(spec: SandboxSpec, host: SandboxHost, { ip }: Address, life: string): ChildProcess {
  const inside = [
    'set -e',
    `echo ${quote(spec.hostname)} >/proc/sys/kernel/hostname`,
    'echo ready',
    'read -r go',
    // As containerd does: a program needs no privilege to listen on a port of its own pod.
    'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start',
    "ip -batch - <<'end'",
    ...insideOf({ ip, gateway: host.gateway }),
    'end',
    'echo done',
    // It stays when this process is killed only once it is written down: otherwise nobody would find it again.
    'read -r kept',
    // The first process of a namespace is the parent of all that have lost theirs: ignoring their ends reaps them.
    `exec ${spec.shareProcesses ? 'env --ignore-signal=CHLD ' : ''}sleep infinity </dev/null >/dev/null 2>&1`,
  ].join('\n');
  const shared = spec.shareProcesses ? '--pid --fork --kill-child --mount-proc' : '';
  // Both ends of the pipe: it is closed when nobody is left, and not before.
  const outside = `exec 9<>${quote(life)} || exit 1\nexec unshare --net --uts --ipc ${shared} sh -c ${quote(inside)}`;
  return spawnTool(['sh', '-c', outside], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Waits for a line of the pause process. @throws Error with its complaint when it ends instead. */
async function expectLine(pause: ChildProcess, line: string): Promise<void> {
  let complaint = '';
  const complain = (chunk: Buffer) => {
    complaint += chunk;
  };
  pause.stderr?.on('data', complain);
  let said = '';
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      said += chunk;
      if (said.includes(`${line}\n`)) settle(resolve);
    };
    const end = () =>
      settle(() => reject(new Error(`setting up the pod's network: ${complaint.trim() || 'the pause process ended'}`)));
    const settle = (how: () => void) => {
      pause.stdout?.off('data', read);
      pause.off('close', end);
      pause.off('error', reject);
      pause.stderr?.off('data', complain);
      how();
    };
    pause.stdout?.on('data', read);
    pause.on('close', end);
    pause.on('error', reject);
  });
}

async function writeEtc(etc: string, spec: SandboxSpec, ip: string): Promise<void> {
  await mkdir(etc, { recursive: true, mode: 0o755 });
  for (const [name, text] of Object.entries(etcFiles(spec, ip))) await writeFile(join(etc, name), text);
}

async function dial(ip: string, pausePid: number, port: number): Promise<Duplex> {
  const socket = connect({ host: ip, port, allowHalfOpen: true });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
  }
  // It may listen on the pod's localhost only, which the cable does not lead to.
  return dialInside(pausePid, port);
}

const relay = `
const socket = require('node:net').connect({ host: '127.0.0.1', port: Number(process.argv[1]), allowHalfOpen: true });
socket.on('connect', () => { process.stderr.write('connected'); process.stdin.pipe(socket); socket.pipe(process.stdout); });
socket.on('error', (error) => { process.stderr.write(error.code ?? error.message); process.exit(1); });
socket.on('close', () => process.exit(0));
`;

async function dialInside(pausePid: number, port: number): Promise<Duplex> {
  const privileges = ['--pdeathsig', 'KILL', '--no-new-privs', '--bounding-set=-all', '--'];
  const enter = ['nsenter', `--net=/proc/${pausePid}/ns/net`, 'setpriv', ...privileges];
  const child = spawnTool([...enter, process.execPath, '-e', relay, String(port)], { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('the relay into the pod has no pipes');
  const [said] = await Promise.race([once(stderr, 'data'), once(child, 'exit').then(() => ['ended'])]);
  if (String(said) !== 'connected') {
    child.kill('SIGKILL');
    throw new Error(`connecting to port ${port} in the pod: ${said}`);
  }
  const stream = Duplex.from({ readable: stdout, writable: stdin });
  stream.on('close', () => child.kill('SIGKILL'));
  return stream;
}
