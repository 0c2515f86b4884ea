import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pino } from 'pino';
import type { ContainerSpec, RunningContainer, Sandbox, SandboxSpec } from '../runtime.ts';
import { reserveNetwork } from './network.ts';
import { startLinuxRuntime } from './runtime.ts';

/** A linux runtime in a folder of its own, with one sandbox. */
export async function startRuntime(dataDir: string) {
  const network = await reserveNetwork({ dataDir });
  const runtime = await startLinuxRuntime({ dataDir, network, log: pino({ level: 'silent' }) });
  return {
    network,
    runtime,
    sandbox: (more: Partial<SandboxSpec> = {}) =>
      runtime.runSandbox({
        id: randomBytes(4).toString('hex'),
        uid: randomBytes(4).toString('hex'),
        namespace: 'a',
        name: 'pod',
        hostname: 'pod',
        hosts: [],
        resolvConf: '',
        shareProcesses: false,
        ...more,
      }),
    async stop() {
      await runtime.stop();
      await network.release();
    },
  };
}

/** A data folder whose name needs quoting everywhere, and a layer in it. */
export async function makeDataDir(): Promise<{ dataDir: string; layer: string; remove: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), "homeport it's a #test "));
  const layer = join(dataDir, 'layer');
  await mkdir(join(layer, 'app'), { recursive: true });
  await writeFile(join(layer, 'app', 'file'), 'from the image');
  return { dataDir, layer, remove: () => rm(dataDir, { recursive: true, force: true }) };
}

export interface Output {
  stdout: string;
  stderr: string;
}

/** A container that runs a command in the layer. */
export function containerSpec(
  layer: string,
  command: string[],
  more: Partial<ContainerSpec> = {},
): { spec: ContainerSpec; output: Output } {
  const output: Output = { stdout: '', stderr: '' };
  const config = { entrypoint: [], cmd: [], env: [], workingDir: '/app', user: '', labels: {} };
  const spec: ContainerSpec = {
    id: randomBytes(32).toString('hex'),
    name: 'main',
    attempt: 0,
    image: { reference: 'test:1', digest: 'sha256:0', size: 0, base: 'host', config },
    layers: [layer],
    command,
    env: new Map([['PATH', '/opt/homeport/bin:/usr/bin:/bin']]),
    workingDir: '/app',
    user: { uid: 0, gid: 0, groups: [] },
    capabilities: ['chown', 'setuid', 'setgid'],
    noNewPrivileges: true,
    readOnlyRoot: false,
    seccompUnconfined: false,
    stdin: false,
    stdinOnce: false,
    tty: false,
    mounts: [],
    limits: {},
    processesOf: undefined,
    output: (stream, chunk) => {
      output[stream] += chunk;
    },
    ...more,
  };
  return { spec, output };
}

/** Runs a shell script in a container to its end. */
export async function runToEnd(sandbox: Sandbox, layer: string, script: string, more: Partial<ContainerSpec> = {}) {
  const { spec, output } = containerSpec(layer, ['sh', '-c', script], more);
  const container = await sandbox.start(spec);
  const exit = await container.exited;
  await container.remove();
  return { ...output, ...exit };
}

/** Runs a command in a running container. */
export async function execute(
  container: RunningContainer,
  command: string[],
  options: { stdin?: string; tty?: boolean; signal?: AbortSignal } = {},
) {
  const output: Output = { stdout: '', stderr: '' };
  const sink = (stream: keyof Output) =>
    new Writable({
      write(chunk, _encoding, done) {
        output[stream] += chunk;
        done();
      },
    });
  const code = await container.exec(command, {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    stdin: options.stdin === undefined ? undefined : Readable.from([Buffer.from(options.stdin)]),
    tty: options.tty ?? false,
    signal: options.signal ?? new AbortController().signal,
  });
  return { ...output, code };
}
