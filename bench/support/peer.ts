import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestHomeport } from '../../test/support/homeport.ts';
import { ended, eventually, run } from '../../test/support/run.ts';

/** Another API server to put under the same load. */
export interface Peer {
  name: string;
  kubeconfig: string;
  /** The processes that it is; none when they are out of reach. */
  pids: readonly number[];
  /** How long it took from its processes' start to its first answer, in ms, where that is known. */
  ready: number | undefined;
  stop(): Promise<void>;
}

const KUBERNETES = 'v1.34.1';
const ETCD = 'v3.6.5';
/** Compiling takes minutes, on slow machines a quarter of an hour. */
const BUILD_TIMEOUT = 45 * 60_000;

/**
 * The peer that was asked for: `PEER=<kubeconfig>` names one that runs already, `--peer` has kube-apiserver and etcd built
 * with `go` (once: they are kept in the cache folder) and started here. undefined without either.
 * @param homeport whose certificates the peer takes, so that TLS costs both the same.
 * @throws Error when it cannot be built or does not start.
 */
export async function findPeer(homeport: TestHomeport): Promise<Peer | undefined> {
  const { PEER } = process.env;
  if (PEER) return { name: 'the peer', kubeconfig: PEER, pids: [], ready: undefined, stop: async () => undefined };
  return process.argv.includes('--peer') ? startPeer(homeport) : undefined;
}

async function startPeer(homeport: TestHomeport): Promise<Peer> {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'homeport-bench');
  const apiserver = await built(folder, `kube-apiserver-${KUBERNETES}`, 'k8s.io/kubernetes/cmd/kube-apiserver', () => ({
    module: `k8s.io/kubernetes ${KUBERNETES}`,
    replace: stagingModules(),
  }));
  const etcd = await built(folder, `etcd-${ETCD}`, 'go.etcd.io/etcd/server/v3', () => ({
    module: `go.etcd.io/etcd/server/v3 ${ETCD}`,
    replace: '',
  }));
  const data = mkdtempSync(join(tmpdir(), 'homeport-bench-peer-'));
  const key = createPublicKey(readFileSync(join(homeport.dataDir, 'pki', 'sa.key')));
  writeFileSync(join(data, 'sa.pub'), key.export({ type: 'spki', format: 'pem' }));
  const [client = 0, peers = 0, secure = 0] = await freePorts(3);
  const began = performance.now();
  const processes = [
    start(etcd, [
      `--data-dir=${data}/etcd`,
      `--listen-client-urls=http://127.0.0.1:${client}`,
      `--advertise-client-urls=http://127.0.0.1:${client}`,
      `--listen-peer-urls=http://127.0.0.1:${peers}`,
      '--log-level=error',
    ]),
    start(apiserver, apiserverFlags(join(homeport.dataDir, 'pki'), data, client, secure)),
  ];
  const kubeconfig = join(data, 'kubeconfig');
  const stop = async (): Promise<void> => {
    for (const child of processes) child.kill('SIGTERM');
    await Promise.all(processes.map(ended));
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const own = readFileSync(homeport.status.kubeconfig, 'utf8');
    writeFileSync(kubeconfig, own.replaceAll(homeport.status.api, `https://127.0.0.1:${secure}`), { mode: 0o600 });
    const asked = ['get', '--raw', '/readyz', '--kubeconfig', kubeconfig];
    await eventually('kube-apiserver', () => homeport.kubectl(asked), 120_000);
  } catch (error) {
    await stop();
    throw error;
  }
  const pids = processes.map(({ pid }) => pid ?? 0);
  return { name: `kube-apiserver ${KUBERNETES} + etcd`, kubeconfig, pids, ready: performance.now() - began, stop };
}

/** The flags of a kube-apiserver that does as much as Homeport's: TLS, client certificates, RBAC, every write on disk. */
function apiserverFlags(pki: string, data: string, etcdPort: number, port: number): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${data}`,
    `--tls-cert-file=${pki}/apiserver.crt`,
    `--tls-private-key-file=${pki}/apiserver.key`,
    `--client-ca-file=${pki}/ca.crt`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${data}/sa.pub`,
    `--service-account-signing-key-file=${pki}/sa.key`,
    '--authorization-mode=Node,RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    // Nobody makes service accounts here: there is no controller manager.
    '--disable-admission-plugins=ServiceAccount',
    '--profiling=false',
  ];
}

function start(program: string, flags: readonly string[]): ChildProcess {
  return spawn(program, flags, { stdio: 'ignore' });
}

/** The path of a Go program, which is compiled when the cache folder does not have it yet. */
async function built(
  folder: string,
  name: string,
  main: string,
  recipe: () => { module: string; replace: string },
): Promise<string> {
  const program = join(folder, name);
  if (existsSync(program)) return program;
  if (spawnSync('go', ['version']).status !== 0) {
    throw new Error(
      `--peer builds ${name} with the program "go", which is not installed; or name a peer that runs: PEER=KUBECONFIG`,
    );
  }
  console.error(`building ${name} (once; it takes minutes) …`);
  const source = join(folder, `${name}.src`);
  mkdirSync(source, { recursive: true });
  const { module, replace } = recipe();
  writeFileSync(join(source, 'go.mod'), `module bench\n\ngo 1.24.0\n\nrequire ${module}\n${replace}`);
  writeFileSync(join(source, 'tools.go'), `//go:build tools\n\npackage tools\n\nimport _ "${main}"\n`);
  for (const args of [
    ['mod', 'tidy', '-e'],
    ['build', '-o', program, main],
  ]) {
    const { code, stderr } = await run('go', args, {
      cwd: source,
      env: { GOFLAGS: '-mod=mod' },
      timeout: BUILD_TIMEOUT,
    });
    if (code !== 0) throw new Error(`building ${name}: go ${args.join(' ')} in ${source} failed:\n${stderr}`);
  }
  return program;
}

/** Kubernetes' own module takes its libraries from its source tree; outside of that, from their published modules. */
function stagingModules(): string {
  const { stdout } = spawnSync('go', ['mod', 'download', '-json', `k8s.io/kubernetes@${KUBERNETES}`], {
    encoding: 'utf8',
  });
  const { GoMod } = JSON.parse(stdout) as { GoMod: string };
  const staged = readFileSync(GoMod, 'utf8').matchAll(/^\s*(?:replace )?(k8s\.io\/\S+) => \.\/staging\//gm);
  const version = KUBERNETES.replace('v1', 'v0');
  return [...staged].map(([, name]) => `replace ${name} => ${name} ${version}\n`).join('');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listening()));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  for (const server of servers) server.close();
  return ports;
}

function listening(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}
