import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { startTime } from '../../host/index.ts';
import { removeTree } from '../remove-tree.ts';
import { type ContainerSpec, type Sandbox, type SandboxSpec, StartError } from '../runtime.ts';
import { insideOf, layCable } from './cable.ts';
import { type ContainerHost, type LinuxContainer, startContainer } from './container.ts';
import { quote, spawnTool } from './shell.ts';
import { sum } from './usage.ts';

/** What a sandbox needs from the instance. */
export interface SandboxHost extends Omit<ContainerHost, 'sandboxDir' | 'sandboxId' | 'pausePid' | 'pidNamespace'> {
  /** Folder of all sandboxes. */
  dir: string;
  gateway: string;
  /** Name of the host's end of the sandbox's cable: at most 15 characters. */
  cable: string;
  ip: string;
}

/** Holds the namespaces of a pod with a process that does nothing, and connects them to this machine. */
export async function createSandbox(spec: SandboxSpec, host: SandboxHost): Promise<Sandbox> {
  const sandboxDir = join(host.dir, spec.id);
  await writeEtc(join(sandboxDir, 'etc'), spec, host.ip);
  const pause = startPause(spec, host);
  const ended = once(pause, 'exit').then(() => undefined);
  const pid = pause.pid ?? -1;
  const containers = new Set<LinuxContainer>();

  function pidNamespaceOf({ processesOf }: ContainerSpec): string | undefined {
    if (spec.shareProcesses) return `/proc/${pid}/ns/pid_for_children`;
    if (processesOf === undefined) return undefined;
    const target = [...containers].find(({ id }) => id === processesOf);
    if (!target) throw new StartError('CreateContainerError', 'the container whose processes it is to see has ended');
    return `/proc/${target.pid}/ns/pid`;
  }

  async function remove(): Promise<void> {
    for (const container of containers) container.signal('SIGKILL');
    await Promise.all([...containers].map((container) => container.remove()));
    pause.kill('SIGKILL');
    await ended;
    await removeTree(sandboxDir);
  }
  try {
    await expectLine(pause, 'ready');
    await writeFile(join(sandboxDir, 'pause.json'), JSON.stringify({ pid, start: startTime(pid) }));
    await layCable(host, pid);
    pause.stdin?.end('go\n');
    await expectLine(pause, 'done');
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    id: spec.id,
    ip: host.ip,
    lost: ended,
    remove,
    async start(container) {
      const pidNamespace = pidNamespaceOf(container);
      const started = await startContainer(container, {
        ...host,
        ...{ sandboxDir, sandboxId: spec.id, pausePid: pid, pidNamespace },
      });
      containers.add(started);
      return { ...started, remove: () => started.remove().then(() => void containers.delete(started)) };
    },
    dial: (port) => dial(host.ip, pid, port),
    usage: async () => sum(await Promise.all([...containers].map((container) => container.usage()))),
  };
}

function startPause(spec: SandboxSpec, host: SandboxHost): ChildProcess {
  const inside = [
    'set -e',
    `echo ${quote(spec.hostname)} >/proc/sys/kernel/hostname`,
    'echo ready',
    'read -r go',
    // As containerd does: a program needs no privilege to listen on a port of its own pod.
    'echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start',
    "ip -batch - <<'end'",
    ...insideOf(host),
    'end',
    'echo done',
    // The first process of a namespace is the parent of all that have lost theirs: ignoring their ends reaps them.
    `exec ${spec.shareProcesses ? 'env --ignore-signal=CHLD ' : ''}sleep infinity >/dev/null 2>&1`,
  ].join('\n');
  const shared = spec.shareProcesses ? '--pid --fork --kill-child --mount-proc' : '';
  const outside = `[ "$PPID" = ${process.pid} ] || exit 1\nexec unshare --net --uts --ipc ${shared} sh -c ${quote(inside)}`;
  return spawnTool(['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', outside], {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
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
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    [ip, ...(spec.fqdn === undefined ? [] : [spec.fqdn]), spec.hostname].join('\t'),
    ...spec.hosts,
  ];
  await writeFile(join(etc, 'hosts'), `${hosts.join('\n')}\n`);
  await writeFile(join(etc, 'hostname'), `${spec.hostname}\n`);
  await writeFile(join(etc, 'resolv.conf'), spec.resolvConf);
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
