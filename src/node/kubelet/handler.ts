import { Writable } from 'node:stream';
import type { Container, Handler } from '../pod.ts';
import type { RunningContainer } from '../runtime.ts';
import { askGrpcHealth } from './handler-grpc.ts';
import { getHttp } from './handler-http.ts';
import type { HandlerResult } from './handler-result.ts';
import { dialTcp } from './handler-tcp.ts';

/** What a handler (of a probe or a lifecycle hook) is run against. */
export interface HandlerTarget {
  container: Container;
  running: RunningContainer;
  podIp: string;
  /** 'kube-probe/1.34' */
  userAgent: string;
}

const mostOutput = 10 * 1024;

/** Runs an exec, httpGet, tcpSocket, grpc or sleep handler. Never rejects. @param timeout in milliseconds */
export async function runHandler(handler: Handler, target: HandlerTarget, timeout: number): Promise<HandlerResult> {
  try {
    const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
    if (exec) return await runExec(exec.command ?? [], target, timeout);
    if (httpGet) {
      const { host, scheme, path, httpHeaders } = httpGet;
      const port = portOf(httpGet.port, target.container);
      return await getHttp({ host: host || target.podIp, port, scheme, path, httpHeaders }, target.userAgent, timeout);
    }
    if (tcpSocket) {
      return await dialTcp(tcpSocket.host || target.podIp, portOf(tcpSocket.port, target.container), timeout);
    }
    if (grpc) {
      const { port, service = '' } = grpc;
      return await askGrpcHealth({ host: target.podIp, port, service }, target.userAgent, timeout);
    }
    if (sleep) return await runSleep(sleep.seconds, target);
    return { outcome: 'error', output: 'missing probe handler' };
  } catch (error) {
    return { outcome: 'error', output: error instanceof Error ? error.message : String(error) };
  }
}

/** A port by number, or by the name that the container gives it. */
function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find((each) => each.name === port)?.containerPort ?? Number(port);
  if (!Number.isInteger(named) || named < 1 || named > 65535)
    throw new Error(`couldn't find port: ${JSON.stringify(port)}`);
  return named;
}

async function runExec(
  command: readonly string[],
  { running }: HandlerTarget,
  timeout: number,
): Promise<HandlerResult> {
  let output = '';
  const sink = () =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (output.length < mostOutput) output += chunk.toString('utf8');
        done();
      },
    });
  const signal = AbortSignal.timeout(timeout);
  const code = await running.exec(command, { stdout: sink(), stderr: sink(), tty: false, signal });
  if (signal.aborted) {
    const output = `command timed out: "${command.join(' ')}" timed out after ${timeout / 1000}s`;
    return { outcome: 'failure', output };
  }
  return { outcome: code === 0 ? 'success' : 'failure', output: output.slice(0, mostOutput) };
}

async function runSleep(seconds: number, { running }: HandlerTarget): Promise<HandlerResult> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  await Promise.race([slept, running.exited]);
  clearTimeout(timer);
  return { outcome: 'success', output: '' };
}
