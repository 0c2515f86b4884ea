import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { FLAG_FIN } from './spdy-frames.ts';
import { dial, dialSpdy, seen, sessions, spdyClient, startStreams, stopStreams } from './upgrade.testing.ts';

let base = '';
beforeAll(async () => {
  base = await startStreams();
});
afterAll(stopStreams);

describe('exec over WebSocket', () => {
  it('sends output, errors and the exit code on their channels', async () => {
    const exec = await dial(base, 'exec?command=fail&stdout=true&stderr=true', ['v5.channel.k8s.io']);
    await exec.closed();
    expect(exec.text(1)).toBe('out');
    expect(exec.text(2)).toBe('err');
    expect(exec.status()).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it('passes bytes as they are, and the end of standard input with v5', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const exec = await dial(base, 'exec?command=cat&stdin=true&stdout=true', [
      'v5.channel.k8s.io',
      'v4.channel.k8s.io',
    ]);
    expect(exec.socket.protocol).toBe('v5.channel.k8s.io');
    for (let at = 0; at < bytes.length; at += 32_000) exec.send(0, bytes.subarray(at, at + 32_000));
    exec.socket.send(Buffer.of(255, 0));
    await exec.closed();
    expect(exec.bytes(1).equals(bytes)).toBe(true);
    expect(exec.status()).toEqual({ metadata: {}, status: 'Success' });
  });

  it('takes terminal sizes, and no nonsense for one', async () => {
    const exec = await dial(base, 'exec?command=sizes&stdout=true&tty=true', ['v4.channel.k8s.io']);
    for (const size of ['nonsense', '{"Width":-1,"Height":2}', '{"Width":1e9,"Height":2}', 'null']) exec.send(4, size);
    exec.send(4, '{"Width":132,"Height":43}');
    await exec.closed();
    expect(exec.text(1)).toBe('132x43');
  });

  it('says what is wrong on the error channel, as text to old clients', async () => {
    const exec = await dial(base, 'exec?command=missing&stdout=true', ['v4.channel.k8s.io']);
    await exec.closed();
    expect(exec.status()).toMatchObject({ reason: 'NotFound', message: 'pods "web" not found' });
    const old = await dial(base, 'exec?command=missing&stdout=true', ['channel.k8s.io']);
    await old.closed();
    expect(old.text(3)).toBe('pods "web" not found');
  });

  it('speaks base64 to those who want it', async () => {
    const socket = new WebSocket(`ws://${base}/exec?command=cat&stdin=true&stdout=true`, ['v4.base64.channel.k8s.io']);
    const messages: string[] = [];
    socket.on('message', (raw: Buffer, binary: boolean) => messages.push(`${binary} ${raw.toString()}`));
    await once(socket, 'open');
    socket.send(`0${Buffer.from('hi').toString('base64')}`);
    while (messages.length < 2) await once(socket, 'message');
    expect(messages).toEqual(['false 1', `false 1${Buffer.from('hi').toString('base64')}`]);
    socket.terminate();
  });

  it('ends the command when the client vanishes', async () => {
    seen.waited = Promise.withResolvers();
    const exec = await dial(base, 'exec?command=wait&stdout=true', ['v5.channel.k8s.io']);
    exec.socket.terminate();
    await seen.waited.promise;
  });

  it('lets a client that does not read wait, rather than the memory grow', async () => {
    seen.flooded = 0;
    const exec = await dial(base, 'exec?command=flood&stdout=true', ['v5.channel.k8s.io']);
    exec.socket.pause();
    let before = -1;
    while (seen.flooded !== before) {
      before = seen.flooded;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // What fits into the buffers of two sockets and no more.
    expect(seen.flooded).toBeLessThan(32 * 1024 * 1024);
    exec.socket.terminate();
  });

  it('closes on messages that are too large, and ignores channels that nobody has', async () => {
    const exec = await dial(base, 'exec?command=cat&stdin=true&stdout=true', ['v5.channel.k8s.io']);
    exec.send(200, 'what');
    exec.socket.send(Buffer.of(255));
    exec.socket.send(Buffer.of(255, 77));
    exec.socket.send(Buffer.alloc(0));
    exec.send(0, 'still here');
    while (exec.text(1) !== 'still here') await once(exec.socket, 'message');
    exec.socket.on('error', () => undefined);
    exec.socket.send(Buffer.alloc(5 * 1024 * 1024));
    await exec.closed();
  });
});

describe('any messages at all', () => {
  it('end in a closed session', async () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc
        .tuple(fc.constantFrom(0, 3, 4, 255), fc.uint8Array({ maxLength: 8 }))
        .map(([to, data]) => Uint8Array.of(to, ...data)),
    );
    const protocol = fc.constantFrom('v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io');
    await fc.assert(
      fc.asyncProperty(protocol, fc.array(message, { maxLength: 20 }), async (chosen, messages) => {
        const exec = await dial(base, 'exec?command=cat&stdin=true&stdout=true&tty=true', [chosen]);
        exec.socket.on('error', () => undefined);
        for (const each of messages) if (exec.socket.readyState === WebSocket.OPEN) exec.socket.send(each);
        exec.socket.close();
        await exec.closed();
      }),
      { numRuns: 50 },
    );
    await Promise.all(sessions);
  });
});

describe('what is refused before the upgrade', () => {
  async function refused(path: string, headers: Record<string, string>) {
    const client = request(`http://${base}/${path}`, { headers: { connection: 'Upgrade', ...headers } });
    client.end();
    const [response] = (await once(client, 'response')) as [IncomingMessage];
    const body = JSON.parse((await response.toArray()).join(''));
    return { code: response.statusCode, message: String(body.message), kind: body.kind };
  }

  it('is answered with a Status', async () => {
    const webSocket = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    const answers = [
      await refused('exec?stdout=true', webSocket),
      await refused('exec?command=ls', webSocket),
      await refused('exec?command=ls&stdout=true', { ...webSocket, 'sec-websocket-protocol': 'chat' }),
      await refused('exec?command=ls&stdout=true', { upgrade: 'h2c' }),
      await refused('portforward?ports=99999', { ...webSocket, 'sec-websocket-protocol': 'v4.channel.k8s.io' }),
      await refused('portforward', { ...webSocket, 'sec-websocket-protocol': 'v4.channel.k8s.io' }),
    ];
    expect(answers.map(({ code, kind }) => `${code} ${kind}`)).toEqual(answers.map(() => '400 Status'));
    expect(answers[0]?.message).toMatch(/at least one command/);
    expect(answers[1]?.message).toMatch(/at least 1 of stdin, stdout, stderr/);
    const spdy = await refused('exec?command=ls&stdout=true', {
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v9',
    });
    expect(spdy.code).toBe(403);
  });
});
describe('exec over SPDY', () => {
  it('joins streams in any order, and passes the end of standard input', async () => {
    const socket = await dialSpdy(base, 'exec?command=cat&stdin=true&stdout=true', 'v4.channel.k8s.io');
    const client = spdyClient(socket);
    client.open(1, { streamtype: 'stdout' });
    client.open(3, { streamtype: 'what' });
    client.open(5, { streamtype: 'stdin' });
    client.open(7, { streamtype: 'error' });
    client.send(5, 'hello', FLAG_FIN);
    await client.ended(1, 7);
    expect(client.text(1)).toBe('hello');
    expect(JSON.parse(client.text(7))).toEqual({ metadata: {}, status: 'Success' });
    socket.destroy();
  });

  it('ends the command when the client vanishes', async () => {
    seen.waited = Promise.withResolvers();
    const socket = await dialSpdy(base, 'exec?command=wait&stdout=true', 'v4.channel.k8s.io');
    const client = spdyClient(socket);
    client.open(1, { streamtype: 'error' });
    client.open(3, { streamtype: 'stdout' });
    await once(socket, 'data');
    socket.destroy();
    await seen.waited.promise;
  });
});
