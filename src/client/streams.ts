import type { Duplex, Readable, Writable } from 'node:stream';

/** Which container of which pod. */
export interface ContainerRef {
  namespace: string;
  pod: string;
  /** Empty for the pod's only or default container. */
  container: string;
}

export interface LogOptions {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  limitBytes?: number;
  /** Only lines at or after this instant. */
  since?: Date;
}

export interface ExecStreams {
  stdin?: Readable;
  stdout?: Writable;
  stderr?: Writable;
  tty: boolean;
  /** Terminal sizes as the client reports them; only with a tty. */
  resize?: AsyncIterable<{ width: number; height: number }>;
  signal: AbortSignal;
}

/**
 * What an API server asks of the node agent that runs a pod (the CRI streaming calls). All throw ApiError: NotFound for
 * a pod that is not here, BadRequest for a container that cannot be used now.
 */
export interface PodStreams {
  logs(container: ContainerRef, options: LogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Runs a command in the container and resolves to its exit code. */
  exec(container: ContainerRef, command: readonly string[], streams: ExecStreams): Promise<number>;
  /** Joins the container's main process and resolves when it ends or the signal fires. */
  attach(container: ContainerRef, streams: ExecStreams): Promise<number>;
  /** A byte stream to a port inside the pod's network. */
  portForward(pod: { namespace: string; pod: string }, port: number): Promise<Duplex>;
}
