import type { Duplex } from 'node:stream';
import type { ExecStreams } from '../client/index.ts';
import type { RuntimeName } from './detect.ts';
import type { NodeImage } from './images.ts';

/** What a pod sandbox is made from (CRI RunPodSandbox). */
export interface SandboxSpec {
  /** Unique among all sandboxes there ever were. */
  id: string;
  /** Of the pod. */
  uid: string;
  namespace: string;
  name: string;
  hostname: string;
  /** The host name with its domain, of a pod that has one: 'db-0.db.shop.svc.cluster.local'. */
  fqdn?: string | undefined;
  /** Lines of /etc/hosts besides those for localhost and the pod itself, which the runtime adds. */
  hosts: readonly string[];
  /** Text of /etc/resolv.conf. */
  resolvConf: string;
  /** The containers see each other's processes, and the sandbox reaps those that lose their parents. */
  shareProcesses: boolean;
}

/** A folder or file of this machine that a container sees (CRI Mount). */
export interface Mount {
  /** Absolute, in the container. */
  containerPath: string;
  /** Absolute, without links in it. */
  hostPath: string;
  /** A relative path of folders below hostPath; resolved without following links, because a container may write there. */
  subPath?: string;
  kind: 'folder' | 'file';
  readOnly: boolean;
}

export interface ContainerUser {
  uid: number;
  gid: number;
  /** Supplementary groups. */
  groups: readonly number[];
}

export interface ContainerLimits {
  /** Bytes. */
  memory?: number;
  /** Thousandths of a CPU. */
  cpu?: number;
}

/** What a container is made from (CRI CreateContainer). */
export interface ContainerSpec {
  /** 64 hexadecimal digits. */
  id: string;
  /** How often it was started before. */
  attempt: number;
  name: string;
  image: NodeImage;
  /** Unpacked layers, lowest first. */
  layers: readonly string[];
  /** Program and arguments. */
  command: readonly string[];
  env: ReadonlyMap<string, string>;
  workingDir: string;
  user: ContainerUser;
  /** In the bounding set: 'net_bind_service'. */
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  readOnlyRoot: boolean;
  /** Without a filter of system calls, also where the runtime has one. */
  seccompUnconfined: boolean;
  stdin: boolean;
  /** Stdin closes for good when the first attached client goes. */
  stdinOnce: boolean;
  tty: boolean;
  mounts: readonly Mount[];
  limits: ContainerLimits;
  /** The id of the container whose processes it sees and can signal; undefined when it has only its own. */
  processesOf: string | undefined;
  /** Somebody waits for its end: a runtime that runs no programs lets it end at once, and well. */
  awaited?: boolean;
  /** Takes what the program writes. */
  output: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
}

export interface ContainerExit {
  /** 0 to 255; 128 + N after signal N. */
  code: number;
  oomKilled: boolean;
  finishedAt: Date;
}

/** What something has used and uses of this machine (CRI ContainerStats). */
export interface Usage {
  /** CPU time since its start, in nanoseconds. */
  cpuNanos: number;
  /** The working set: memory in use that the kernel cannot take back at once, in bytes. */
  memoryBytes: number;
}

/** A started container (CRI StopContainer, ExecSync, Exec, Attach). */
export interface RunningContainer {
  readonly id: string;
  readonly startedAt: Date;
  /** Settles when the program has ended and all it wrote has been seen. Never rejects. */
  readonly exited: Promise<ContainerExit>;
  /** Signals the program: 'SIGTERM'. Nothing happens when it has ended. */
  signal(name: NodeJS.Signals): void;
  /** Changes its limits while it runs. @throws Error when that cannot be done: memory below what it uses */
  resize(limits: ContainerLimits): Promise<void>;
  /** Runs another program in the container; resolves to its exit code. Rejects when it cannot be started. */
  exec(command: readonly string[], streams: ExecStreams): Promise<number>;
  /** Joins the program's streams until it ends or the signal fires; resolves to its exit code, or 0 after the signal. */
  attach(streams: ExecStreams): Promise<number>;
  /** What its processes use; undefined when it has ended, or where nothing can be measured. */
  usage(): Promise<Usage | undefined>;
  /** Gives back what the container took on this machine. Only after it has exited. */
  remove(): Promise<void>;
}

/** Why a container could not be started, with the reason that its status shows. */
export class StartError extends Error {
  readonly reason: 'CreateContainerError' | 'RunContainerError' | 'StartError';
  constructor(reason: StartError['reason'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.reason = reason;
  }
}

export interface Sandbox {
  readonly id: string;
  readonly ip: string;
  /** Creates and starts a container. @throws StartError */
  start(spec: ContainerSpec): Promise<RunningContainer>;
  /** Resolves when the sandbox is gone against our will. */
  readonly lost: Promise<void>;
  /** A stream to a TCP port in the sandbox's network, also one that only listens on localhost. */
  dial(port: number): Promise<Duplex>;
  /** What the pod's containers that run use together; undefined where nothing can be measured. */
  usage(): Promise<Usage | undefined>;
  /** Ends what still runs in it and takes it down. */
  remove(): Promise<void>;
}

/** A sandbox that an earlier process of this node has left running, and its containers: those that have ended since, too. */
export interface Survivor {
  /** Of the pod. */
  uid: string;
  sandbox: Sandbox;
  containers: {
    spec: Pick<ContainerSpec, 'id' | 'name' | 'attempt' | 'image' | 'user'>;
    /** Takes it over; what it wrote meanwhile comes first. */
    resume(output: ContainerSpec['output']): RunningContainer;
  }[];
}

/** Something that runs pods: the calls of the CRI that a kubelet needs. */
export interface Runtime {
  readonly name: RuntimeName;
  /** Whether containers are programs. Where they only seem to run, nobody asks them anything. */
  readonly runsPrograms: boolean;
  /** Whether containers get a filter of system calls unless they want none. */
  readonly filtersSystemCalls: boolean;
  /** '10.244.0.0/24' */
  readonly podCidr: string;
  /** The address of this machine as pods see it. */
  readonly hostIp: string;
  runSandbox(spec: SandboxSpec): Promise<Sandbox>;
  /** The sandbox of a pod that an earlier process has left running; once. */
  takeOver(uid: string): Survivor | undefined;
  /** Takes down those that nobody has taken over. */
  removeSurvivors(): Promise<void>;
  /** Takes everything down, running pods included, at once. */
  stop(): Promise<void>;
}
