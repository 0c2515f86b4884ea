import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ExecStreams, PodStreams } from '../../client/index.ts';
import { ApiError, badRequest, type Status } from '../../machinery/index.ts';
import { flag } from '../flag.ts';

/** What a client asks of exec or attach (core/v1 PodExecOptions and PodAttachOptions). */
export interface RemoteCommand {
  kind: 'exec' | 'attach';
  namespace: string;
  pod: string;
  container: string;
  command: readonly string[];
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** Reads the query of exec or attach. Throws ApiError 400 for what makes no sense. */
export function parseRemoteCommand(
  kind: 'exec' | 'attach',
  pod: { namespace: string; pod: string },
  query: URLSearchParams,
): RemoteCommand {
  const asks = (name: string): boolean => flag(query, name) ?? false;
  const command: RemoteCommand = {
    kind,
    namespace: pod.namespace,
    pod: pod.pod,
    container: query.get('container') ?? '',
    command: query.getAll('command'),
    stdin: asks('stdin'),
    stdout: asks('stdout'),
    // A terminal has one output: clients that ask for both get what kubectl does by itself.
    stderr: asks('stderr') && !asks('tty'),
    tty: asks('tty'),
  };
  if (kind === 'exec' && command.command.length === 0) {
    throw badRequest('you must specify at least one command for the container');
  }
  if (!command.stdin && !command.stdout && !command.stderr) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  return command;
}

/** How a command ended: a Status as clients find it on the error stream. */
export type Outcome = Pick<Status, 'status' | 'message' | 'reason' | 'details' | 'code'> | { status: 'Success' };

/**
 * Runs the command on streams that already reach the client, and waits until its whole output has been taken.
 * Never rejects: what goes wrong is the outcome.
 */
export async function runRemoteCommand(command: RemoteCommand, streams: PodStreams, io: ExecStreams): Promise<Outcome> {
  const container = { namespace: command.namespace, pod: command.pod, container: command.container };
  try {
    const code = await (command.kind === 'exec'
      ? streams.exec(container, command.command, io)
      : streams.attach(container, io));
    await Promise.all([io.stdout, io.stderr].map((output) => output && drained(output, io.signal)));
    return code === 0 ? { status: 'Success' } : exited(code);
  } catch (error) {
    return failed(error);
  }
}

/** Ends a stream towards the client, and waits until everything written to it is on its way. */
export async function drained(output: Writable, signal: AbortSignal): Promise<void> {
  if (!output.writableEnded) output.end();
  try {
    await finished(output, { readable: false, signal });
  } catch (error) {
    // The client is gone, and so is whoever could mind.
    if (!signal.aborted && !output.destroyed) throw error;
  }
}

function exited(code: number): Outcome {
  return {
    status: 'Failure',
    message: `command terminated with non-zero exit code: command terminated with exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
    code: 500,
  };
}

function failed(error: unknown): Outcome {
  if (error instanceof ApiError) return error.toStatus();
  const why = error instanceof Error ? error.message : String(error);
  return new ApiError(500, 'InternalError', `Internal error occurred: ${why}`).toStatus();
}
