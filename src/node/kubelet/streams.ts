import type { ContainerRef, ExecStreams, PodStreams } from '../../client/index.ts';
import { ApiError, badRequest, notFound } from '../../machinery/index.ts';
import { readLog } from '../logs/read-log.ts';
import { pods } from '../pod.ts';
import type { RunningContainer } from '../runtime.ts';
import type { Kubelet } from './kubelet.ts';
import type { PodWorker } from './pod-worker.ts';
import { logPath } from './start-container.ts';

const defaultContainer = 'kubectl.kubernetes.io/default-container';

/** Answers what an API server asks of the node about running pods. @param logs folder of the container logs */
export function createPodStreams(kubelet: Kubelet, logs: string): PodStreams {
  function workerOf(namespace: string, pod: string): PodWorker {
    const worker = kubelet.find(namespace, pod);
    if (!worker) throw notFound(pods, pod);
    return worker;
  }

  function runningOf(ref: ContainerRef): RunningContainer {
    const worker = workerOf(ref.namespace, ref.pod);
    const name = containerName(worker, ref);
    const running = worker.running(name);
    if (!running)
      throw new ApiError(
        500,
        'InternalError',
        `Internal error occurred: container not found (${JSON.stringify(name)})`,
      );
    return running;
  }

  return {
    async *logs(ref, options, signal) {
      const worker = workerOf(ref.namespace, ref.pod);
      const name = containerName(worker, ref);
      const record = worker.container(name);
      if (!record) throw badRequest(`container ${name} is not valid for pod ${ref.pod}`);
      if (options.previous && !record.last) {
        throw badRequest(
          `previous terminated container ${JSON.stringify(name)} in pod ${JSON.stringify(ref.pod)} not found`,
        );
      }
      if (!options.previous && record.state.is === 'waiting' && !record.last) {
        throw badRequest(
          `container ${JSON.stringify(name)} in pod ${JSON.stringify(ref.pod)} is waiting to start: ${waitingFor(record.state.reason)}`,
        );
      }
      // While it waits to be started again, the log of the last time is the current one.
      const attempt = record.restarts - (options.previous && record.state.is !== 'waiting' ? 1 : 0);
      const live = record.state.is === 'running' && !options.previous ? record.state.log : undefined;
      try {
        yield* readLog(logPath(logs, worker.pod(), name, Math.max(0, attempt)), options, live, signal);
      } catch (error) {
        // A container that never got as far as a log has said nothing.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    },
    exec: (ref, command, streams) => explained(runningOf(ref), (running) => running.exec(command, streams)),
    attach: (ref, streams: ExecStreams) => explained(runningOf(ref), (running) => running.attach(streams)),
    async portForward({ namespace, pod }, port) {
      const sandbox = workerOf(namespace, pod).sandbox();
      if (!sandbox) throw badRequest(`pod ${pod} is not running`);
      return sandbox.dial(port);
    },
  };
}

async function explained(
  running: RunningContainer,
  action: (running: RunningContainer) => Promise<number>,
): Promise<number> {
  try {
    return await action(running);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(
      500,
      'InternalError',
      `Internal error occurred: error executing command in container: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function containerName(worker: PodWorker, ref: ContainerRef): string {
  if (ref.container !== '') {
    if (!worker.container(ref.container))
      throw badRequest(`container ${ref.container} is not valid for pod ${ref.pod}`);
    return ref.container;
  }
  const pod = worker.pod();
  return pod.metadata.annotations?.[defaultContainer] ?? pod.spec?.containers[0]?.name ?? '';
}

/** The kubelet's words for the most common reasons to wait; the reason itself for others. */
function waitingFor(reason: string): string {
  if (reason === 'ErrImagePull') return "image can't be pulled";
  return reason === 'ImagePullBackOff' ? 'trying and failing to pull image' : reason;
}
