import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { Writable } from 'node:stream';
import type { Container, Handler, HttpGet } from '../pod.ts';
import type { RunningContainer } from '../runtime.ts';

/** What a handler (of a probe or a lifecycle hook) is run against. */
export interface HandlerTarget {
  container: Container;
  running: RunningContainer;
  podIp: string;
  userAgent: string;
}

export interface HandlerResult {
  ok: boolean;
  /** What went wrong, in the kubelet's words. */
  output: string;
}

const mostOutput = 10 * 1024;

/** Runs an exec, httpGet, tcpSocket or sleep handler. Never rejects. @param timeout in milliseconds */
export async function runHandler(handler: Handler, target: HandlerTarget, timeout: number): Promise<HandlerResult> {
  try {
    if (handler.exec) return await runExec(handler.exec.command ?? [], target, timeout);
    if (handler.httpGet) return await runHttp(handler.httpGet, target, timeout);
    if (handler.tcpSocket)
      return await runTcp(
        handler.tcpSocket.host || target.podIp,
        portOf(handler.tcpSocket.port, target.container),
        timeout,
      );
    if (handler.sleep) return await runSleep(handler.sleep.seconds, target);
    return { ok: false, output: 'this node does not support this kind of handler' };
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
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
  if (signal.aborted)
    return { ok: false, output: `command timed out: "${command.join(' ')}" timed out after ${timeout / 1000}s` };
  return {
    ok: code === 0,
    output: output.slice(0, mostOutput) || (code === 0 ? '' : `command ended with code ${code}`),
  };
}

function runHttp(get: HttpGet, target: HandlerTarget, timeout: number): Promise<HandlerResult> {
  const secure = get.scheme?.toUpperCase() === 'HTTPS';
  const host = get.host || target.podIp;
  const port = portOf(get.port, target.container);
  const path = get.path?.startsWith('/') ? get.path : `/${get.path ?? ''}`;
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  const headers: Record<string, string> = {
    'user-agent': target.userAgent,
    accept: '*/*',
    connection: 'close',
    host: `${host}:${port}`,
  };
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  return new Promise((resolve) => {
    const fail = (why: string) => resolve({ ok: false, output: `Get ${JSON.stringify(url)}: ${why}` });
    const options = { host, port, path, headers, method: 'GET', rejectUnauthorized: false, agent: false } as const;
    const request = (secure ? httpsRequest : httpRequest)(options, (response) => {
      const code = response.statusCode ?? 0;
      clearTimeout(timer);
      request.destroy();
      resolve(
        code >= 200 && code < 400
          ? { ok: true, output: '' }
          : { ok: false, output: `HTTP probe failed with statuscode: ${code}` },
      );
    });
    const timer = setTimeout(() => {
      fail('context deadline exceeded (Client.Timeout exceeded while awaiting headers)');
      request.destroy();
    }, timeout);
    request.on('error', (error) => {
      clearTimeout(timer);
      fail(dialError(error, host, port));
    });
    request.end();
  });
}

function runTcp(host: string, port: number, timeout: number): Promise<HandlerResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (result: HandlerResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => settle({ ok: false, output: `dial tcp ${host}:${port}: i/o timeout` }), timeout);
    socket.on('connect', () => settle({ ok: true, output: '' }));
    socket.on('error', (error) => settle({ ok: false, output: dialError(error, host, port) }));
  });
}

async function runSleep(seconds: number, { running }: HandlerTarget): Promise<HandlerResult> {
  let timer: NodeJS.Timeout | undefined;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
  });
  await Promise.race([slept, running.exited]);
  clearTimeout(timer);
  return { ok: true, output: '' };
}

function dialError(error: Error, host: string, port: number): string {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`;
  return code === 'ECONNRESET' ? 'EOF' : error.message;
}
