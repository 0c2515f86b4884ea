import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTime } from '../../host/index.ts';
import { chooseRuntime } from '../detect.ts';
import type { RunningContainer, Sandbox } from '../runtime.ts';
import { containerSpec, execute, makeDataDir, runToEnd, startRuntime } from './runtime.testing.ts';
import { usageOfProcesses } from './usage.ts';

const { name } = await chooseRuntime('auto');

test('asking for the linux runtime gives it, or says why it cannot work here', async () => {
  const asked = chooseRuntime('linux');
  if (name === 'linux') expect(await asked).toMatchObject({ name: 'linux' });
  else await expect(asked).rejects.toThrow(/the linux runtime cannot work here: /);
});

describe.runIf(name === 'linux')('containers', () => {
  let made: Awaited<ReturnType<typeof makeDataDir>>;
  let instance: Awaited<ReturnType<typeof startRuntime>>;
  let sandbox: Sandbox;
  beforeAll(async () => {
    made = await makeDataDir();
    instance = await startRuntime(made.dataDir);
    sandbox = await instance.sandbox();
  });
  afterAll(async () => {
    await instance.stop();
    await made.remove();
  });
  const run = (script: string, more = {}) => runToEnd(sandbox, made.layer, script, more);

  test('see their image, the host base and nothing else of the host', async () => {
    const { stdout, code } = await run(
      'cat file; echo; ls -A / /root /home; ls /etc; hostname; echo $$; node --version',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('from the image\n');
    expect(stdout).not.toMatch(/shadow|ssh\b/);
    expect(stdout).toContain(`pod\n1\n${process.version}\n`);
    expect(stdout).toContain('/home:\n\n/root:\n');
  });

  test('cannot change the host base, make devices, mount, or see kernel memory', async () => {
    const tries = [
      'echo x >/usr/x',
      'mknod /tmp/sda b 8 0',
      'mount -t tmpfs none /mnt',
      'echo x >/proc/sys/kernel/hostname',
      'echo x >/proc/sysrq-trigger',
      'head -c1 /proc/kcore',
      'ls /.old*',
    ];
    const { stdout } = await run(tries.map((each, at) => `(${each}) 2>/dev/null && echo ${at}`).join('\n'));
    expect(stdout).toBe('');
  });

  test('get exactly their variables, and none reaches the programs that set them up', async () => {
    const env = new Map([
      ['PATH', '/usr/bin:/bin'],
      ['SECRET', 'it\'s $HOME `id`\n\\ "x"'],
      ['LD_PRELOAD', '/nonexistent.so'],
    ]);
    const plain = await run('exec env -0', { env });
    expect(
      plain.stdout
        .split('\0')
        .filter((line) => line && !line.startsWith('PWD='))
        .sort(),
    ).toEqual([...env].map(([key, value]) => `${key}=${value}`).sort());
    // A shell would drop them: the program is started by itself.
    const odd = containerSpec(made.layer, ['env', '-0'], { env: new Map([...env, ['a.b', '1'], ['UID', '7']]) });
    const container = await sandbox.start(odd.spec);
    await container.exited;
    await container.remove();
    expect(odd.output.stdout.split('\0')).toEqual(
      expect.arrayContaining(['a.b=1', 'UID=7', `SECRET=${env.get('SECRET')}`]),
    );
  });

  test('secrets are in no argument list and in no file', async () => {
    const secret = 'correct-horse-battery-staple';
    const { spec, output } = containerSpec(made.layer, ['sleep', '100'], {
      env: new Map([
        ['PATH', '/usr/bin'],
        ['S', secret],
      ]),
    });
    const container = await sandbox.start(spec);
    const lines = readdirSync('/proc')
      .filter((pid) => /^\d+$/.test(pid))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        } catch {
          return ''; // It has ended meanwhile.
        }
      });
    expect(lines.filter((line) => line.includes(secret))).toEqual([]);
    container.signal('SIGKILL');
    expect((await container.exited).code).toBe(137);
    expect(output, 'no remark of a shell').toEqual({ stdout: '', stderr: '' });
    await container.remove();
  });

  test('run as their user, without privileges, on a read-only root', async () => {
    const user = { uid: 1234, gid: 2345, groups: [3456] };
    const { stdout, stderr } = await run(
      'id; grep -E "CapEff|NoNewPrivs" /proc/self/status; touch /x; echo again >/dev/stdout',
      { user, readOnlyRoot: true },
    );
    expect(stdout).toMatch(/uid=1234 gid=2345 groups=2345,3456/);
    expect(stdout).toMatch(/CapEff:\s+0{16}\n/);
    expect(stdout).toMatch(/NoNewPrivs:\s+1\n/);
    expect(stdout).toContain('again\n');
    expect(stderr).toContain('Read-only file system');
  });

  test('a program that is not there is said so', async () => {
    const { spec } = containerSpec(made.layer, ['no-such-program']);
    await expect(sandbox.start(spec)).rejects.toMatchObject({
      reason: 'StartError',
      message: 'exec: "no-such-program": executable file not found in $PATH',
    });
  });

  test('what they use is measured, and so is their pod', async () => {
    const up = Promise.withResolvers<void>();
    const burn =
      'const held = Buffer.alloc(32 << 20, 1); for (let n = 0; n < 3e8; n++); console.log(held.length); setInterval(() => {}, 1e6)';
    const { spec } = containerSpec(made.layer, ['node', '-e', burn], { output: () => up.resolve() });
    const container = await sandbox.start(spec);
    await up.promise;
    const all = [await container.usage(), await sandbox.usage(), await usageOfProcesses(await firstProcess(container))];
    for (const used of all) {
      expect(used?.memoryBytes).toBeGreaterThan(32 << 20);
      expect(used?.cpuNanos).toBeGreaterThan(20e6);
      expect(used?.cpuNanos).toBeLessThan(60e9);
    }
    container.signal('SIGKILL');
    await container.exited;
    expect(await container.usage()).toBeUndefined();
    await container.remove();
  });

  test('too much memory ends in OOMKilled', async () => {
    const script = 'exec node -e "const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))"';
    expect(await run(script, { limits: { memory: 64 << 20 } })).toMatchObject({ code: 137, oomKilled: true });
  });

  test('volumes are where they belong; a link in one leads nowhere else', async () => {
    const volume = join(made.dataDir, 'volume');
    await mkdir(join(volume, 'inner'), { recursive: true });
    await symlink('../../../../../../../../../etc', join(volume, 'escape'));
    const mount = { containerPath: '/data', hostPath: volume, kind: 'folder', readOnly: false } as const;
    expect((await run('echo x >/data/a; ls /data', { mounts: [mount] })).stdout).toBe('a\nescape\ninner\n');
    expect((await run('echo x >/data/b', { mounts: [{ ...mount, readOnly: true }] })).stderr).toContain('Read-only');
    expect((await run('ls -d /data/*', { mounts: [{ ...mount, subPath: 'inner' }] })).stdout).toBe('');
    await expect(run('ls /data', { mounts: [{ ...mount, subPath: 'escape' }] })).rejects.toThrow(
      /subPath escape leads out of its volume/,
    );
  });

  test('an image with a link in the way of a mount does not reach the host', async () => {
    await symlink('/../../../../../tmp', join(made.layer, 'app', 'link'));
    const mount = {
      containerPath: '/app/link/homeport-escape',
      hostPath: made.dataDir,
      kind: 'folder',
      readOnly: true,
    } as const;
    await run('true', { mounts: [mount] });
    expect(existsSync('/tmp/homeport-escape')).toBe(false);
  });

  test('exec runs in the container, with input, exit code, a terminal, and an end', async () => {
    const { spec } = containerSpec(made.layer, ['sleep', '100']);
    const container = await sandbox.start(spec);
    expect(await execute(container, ['cat'], { stdin: 'in' })).toEqual({ stdout: 'in', stderr: '', code: 0 });
    expect(await execute(container, ['sh', '-c', 'echo out; echo err >/dev/stderr; exit 7'])).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      code: 7,
    });
    expect(await execute(container, ['sh', '-c', 'tty; stty size; exit 9'], { tty: true })).toMatchObject({
      stdout: '/dev/pts/0\r\n24 80\r\n',
      code: 9,
    });
    await expect(execute(container, ['nope'])).rejects.toThrow(/executable file not found/);
    const stop = new AbortController();
    const endless = execute(container, ['sleep', '100'], { signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    expect((await endless).code).toBe(137);
    expect((await execute(container, ['ps', '-e', '-o', 'args='])).stdout.match(/sleep 100/g)).toHaveLength(1);
    container.signal('SIGKILL');
    await container.remove();
  });

  test('containers of a pod share its network, and ports on localhost can be reached', async () => {
    const server =
      "require('http').createServer((q, r) => r.end('here')).listen(Number(process.argv[1]), process.argv[2], () => console.log('up'))";
    const up = Promise.withResolvers<void>();
    const { spec } = containerSpec(made.layer, ['node', '-e', server, '8080', '127.0.0.1'], {
      output: () => up.resolve(),
    });
    const container = await sandbox.start(spec);
    await up.promise;
    const other = await run('exec node -e "fetch(\'http://127.0.0.1:8080\').then((r) => r.text()).then(console.log)"');
    expect(other.stdout).toBe('here\n');
    const stream = await sandbox.dial(8080);
    stream.end('GET / HTTP/1.0\r\n\r\n');
    let text = '';
    for await (const chunk of stream) text += chunk;
    expect(text).toMatch(/\r\n\r\nhere$/);
    await expect(sandbox.dial(9999)).rejects.toThrow(/ECONNREFUSED/);
    container.signal('SIGTERM');
    container.signal('SIGKILL');
    await container.remove();
  });
});

describe.runIf(name === 'linux')('an instance', () => {
  /** Starts an instance in a process of its own, runs a script with its sandbox in `pod`, and kills it. */
  async function killed(dataDir: string, layer: string, script: string): Promise<number[]> {
    const program = `
      import { containerSpec, startRuntime } from ${JSON.stringify(join(import.meta.dirname, 'runtime.testing.ts'))};
      const { network, sandbox } = await startRuntime(${JSON.stringify(dataDir)});
      const pod = await sandbox({ uid: 'the-pod' });
      const run = (name, command, more) =>
        pod.start(containerSpec(${JSON.stringify(layer)}, command, { name, id: name.repeat(64).slice(0, 64), ...more }).spec);
      ${script}
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const family = descendants(child.pid ?? -1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    return family;
  }

  test('that is killed leaves its containers running, and the next takes them over', { timeout: 30_000 }, async () => {
    const { dataDir, layer, remove } = await makeDataDir();
    const server = `require('net').createServer((s) => s.end('hello')).listen(8080)`;
    const count = 'n=0; while :; do n=$((n+1)); echo $n; sleep 0.02; done';
    await killed(
      dataDir,
      layer,
      `const mount = { containerPath: '/v', hostPath: ${JSON.stringify(layer)}, kind: 'folder', readOnly: true };
       await run('a', ['sh', '-c', ${JSON.stringify(count)}]);
       await run('b', ['sh', '-c', 'until [ -e /v/go ]; do sleep 0.02; done; echo last words; exit 7'], { mounts: [mount] });
       await run('c', ['node', '-e', ${JSON.stringify(server)}]);
       await run('d', ['cat'], { stdin: true, stdinOnce: true });
       await run('e', ['sh', '-c', 'stty size; read answer; echo $answer'], { stdin: true, tty: true });
       console.log('up');`,
    );
    await writeFile(join(layer, 'go'), '');
    const next = await startRuntime(dataDir);
    const pod = next.runtime.takeOver('the-pod');
    expect(pod?.containers.map(({ spec }) => spec.name).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    const written: Record<string, string> = {};
    const resumed = Object.fromEntries(
      (pod?.containers ?? []).map(({ spec: { name }, resume }) => [
        name,
        resume((_stream, chunk) => {
          written[name] = (written[name] ?? '') + chunk;
        }),
      ]),
    );
    const { a, b, c, d, e } = resumed;
    if (!pod || !a || !b || !c || !d || !e) throw new Error('a container is missing');
    expect(await b.exited).toMatchObject({ code: 7 });
    expect(written['b']).toBe('last words\n');
    await expect.poll(() => written['a']?.split('\n').length, { timeout: 5000 }).toBeGreaterThan(20);
    const numbers = (written['a'] ?? '').trim().split('\n').map(Number);
    const from = numbers[0] ?? 0;
    expect(numbers, 'nothing is lost').toEqual(numbers.map((_, at) => from + at));
    expect(await execute(a, ['sh', '-c', 'hostname; exit 3'])).toMatchObject({ stdout: 'pod\n', code: 3 });
    await expect.poll(async () => String((await pod.sandbox.dial(8080)).read() ?? ''), { timeout: 5000 }).toBeDefined();
    const { signal } = new AbortController();
    await d.attach({ stdin: Readable.from(['in']), tty: false, signal });
    expect(written['d']).toBe('in');
    await e.attach({ stdin: Readable.from(['yes\n']), tty: true, signal });
    expect(written['e']).toMatch(/yes\r\nyes\r\n$/);
    await next.stop();
    expect(readdirSync(join(dataDir, 'node/sandboxes'))).toEqual([]);
    expect(existsSync(`/sys/class/net/${next.network.bridge}`)).toBe(false);
    await remove();
  });

  test('whose data folder is gone is ended by any other one', { timeout: 30_000 }, async () => {
    const gone = await makeDataDir();
    const script = `await run('a', ['sh', '-c', 'trap "" TERM; sleep 987 & sleep 987']); console.log('up');`;
    const family = await killed(gone.dataDir, gone.layer, script);
    expect(family.length).toBeGreaterThan(2);
    await gone.remove();
    const { dataDir, remove } = await makeDataDir();
    const other = await startRuntime(dataDir);
    await expect.poll(() => family.filter((pid) => startTime(pid) !== undefined), { timeout: 5000 }).toEqual([]);
    await other.stop();
    await remove();
  });

  test('shares the machine with others', async () => {
    const all = await Promise.all([makeDataDir(), makeDataDir(), makeDataDir()]);
    const started = await Promise.all(all.map(({ dataDir }) => startRuntime(dataDir)));
    expect(new Set(started.map(({ network }) => network.podCidr)).size).toBe(3);
    expect(new Set(started.map(({ network }) => network.serviceCidr)).size).toBe(3);
    await Promise.all(started.map((instance) => instance.stop()));
    await Promise.all(all.map(({ remove }) => remove()));
  });
});

/** The id on the host of a container's first process, which is the only one here with its program's name. */
async function firstProcess(container: RunningContainer): Promise<number> {
  const { stdout } = await execute(container, ['readlink', '/proc/self/ns/pid']);
  const all = descendants(process.pid).filter((pid) => readlinkSync(`/proc/${pid}/ns/pid`) === stdout.trim());
  return all[0] ?? -1;
}

function descendants(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
