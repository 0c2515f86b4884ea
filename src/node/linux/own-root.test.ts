import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../detect.ts';
import type { ContainerSpec, Sandbox } from '../runtime.ts';
import { makeRoot } from './root-of-programs.testing.ts';
import { containerSpec, execute, makeDataDir, runToEnd, startRuntime } from './runtime.testing.ts';

const { name } = await chooseRuntime('auto');

const image = (reference = 'whole:1') => ({
  ...{ reference, digest: 'sha256:1', size: 0, base: undefined },
  config: { entrypoint: [], cmd: [], env: [], workingDir: '/', user: '', labels: {} },
});

describe.runIf(name === 'linux')('a container of an image with a root of its own', () => {
  let made: Awaited<ReturnType<typeof makeDataDir>>;
  let instance: Awaited<ReturnType<typeof startRuntime>>;
  let sandbox: Sandbox;
  let root: string;
  beforeAll(async () => {
    made = await makeDataDir();
    root = join(made.dataDir, 'root');
    await makeRoot(root, ['sh', 'cat', 'ls', 'id', 'env', 'touch', 'sleep', 'readlink', 'mount', 'umount', 'chroot']);
    await writeFile(join(root, 'etc/release'), 'whole');
    instance = await startRuntime(made.dataDir);
    sandbox = await instance.sandbox();
  });
  afterAll(async () => {
    await instance.stop();
    await made.remove();
  });
  const own = (more: Partial<ContainerSpec> = {}): Partial<ContainerSpec> => ({
    image: image(),
    env: new Map([['PATH', '/nowhere:/bin']]),
    workingDir: '/',
    ...more,
  });
  const run = (script: string, more: Partial<ContainerSpec> = {}) => runToEnd(sandbox, root, script, own(more));

  test('sees its image and nothing of the machine', async () => {
    const { stdout, stderr, code } = await run('cat /etc/release; echo; ls -a /; ls /etc /usr /dev; echo $$ $HOME');
    expect(stderr).toMatch(/^(?:ls: .*\/usr.*\n)?$/);
    expect(stdout).toMatch(/^whole\n/);
    expect(stdout).not.toMatch(/passwd|shadow|\.old|homeport|opt/);
    expect(stdout).toMatch(/\n\.\n\.\.\nbin\ndev\netc\n/);
    expect(stdout).toContain('hostname\nhosts\nrelease\nresolv.conf\n');
    expect(stdout).toMatch(/\nfd\nfull\nmqueue\nnull\n/);
    expect(stdout.trim().endsWith('1')).toBe(true);
    expect(code === 0 || code === 2).toBe(true);
  });

  test('has the privileges of its container to the bit, as root and as another user', async () => {
    const status =
      'while read -r line; do case $line in Cap*|NoNew*|Uid*|Groups*) echo $line; esac; done </proc/self/status';
    const asRoot = await run(status, { capabilities: ['chown'] });
    expect(asRoot.stdout).toMatch(/CapPrm: 0{15}1\nCapEff: 0{15}1\nCapBnd: 0{15}1\nCapAmb: 0{16}\nNoNewPrivs: 1/);
    const user = { uid: 1234, gid: 2345, groups: [3456] };
    const other = await run(`${status}; touch /x; echo again >/dev/stdout`, {
      user,
      capabilities: [],
      readOnlyRoot: true,
    });
    expect(other.stdout).toMatch(/Uid: 1234 1234 1234 1234\nGroups: 3456\n/);
    expect(other.stdout).toMatch(/CapPrm: 0{16}\nCapEff: 0{16}\nCapBnd: 0{16}\nCapAmb: 0{16}\nNoNewPrivs: 1\nagain\n/);
    expect(other.stderr).toMatch(/Read-only|Permission denied/);
  });

  test('cannot leave its root, mount or read kernel memory', async () => {
    const tries = [
      'cat /proc/1/root/etc/shadow',
      'ls /../usr/bin/setpriv',
      'ls /proc/1/cwd/../usr/bin/setpriv',
      'mount -t tmpfs none /tmp',
      'umount /proc',
      'echo x >/proc/sys/kernel/hostname',
      'echo x >/proc/sysrq-trigger',
      'cat /proc/kcore',
      'chroot /tmp true',
    ];
    const script = tries.map((each, at) => `(${each}) >/dev/null 2>&1 && echo ${at}`).join('\n');
    expect((await run(script)).stdout).toBe('');
    await run('echo x >/etc/release; touch /new; echo ok');
    expect((await run('cat /etc/release; ls /')).stdout).toMatch(/^whole/);
  });

  test('gets exactly its variables, also those that no shell can set', async () => {
    const env = new Map([
      ['PATH', '/bin'],
      ['SECRET', 'it\'s $HOME `id`\n\\ "x"'],
      ['LD_PRELOAD', '/nonexistent.so'],
    ]);
    for (const variables of [env, new Map([...env, ['a.b', '1'], ['UID', '7']])]) {
      const { spec, output } = containerSpec(root, ['env', '-0'], own({ env: variables }));
      const container = await sandbox.start(spec);
      await container.exited;
      await container.remove();
      expect(output.stdout.split('\0').filter(Boolean).sort()).toEqual(
        [...variables].map(([key, value]) => `${key}=${value}`).sort(),
      );
    }
  });

  test('none of its programs is run before its privileges are gone', async () => {
    const trap = join(made.dataDir, 'trap');
    await makeRoot(trap, ['sh', 'cat']);
    await mkdir(join(trap, 'etc'), { recursive: true });
    await writeFile(join(trap, 'etc/ld.so.preload'), '/evil.so\n');
    for (const tool of ['setpriv', 'mount', 'umount', 'readlink', 'mkdir', 'cp', 'rmdir', 'pwd'])
      await writeFile(join(trap, 'bin', tool), '#!/bin/sh\necho caught >/caught\n', { mode: 0o755 });
    const result = await runToEnd(sandbox, trap, '[ -e /caught ] || echo free', own());
    expect(result).toMatchObject({ stdout: 'free\n', code: 0 });
  });

  test('links of an image lead volumes and mounts nowhere but into the image', async () => {
    const tricky = join(made.dataDir, 'tricky');
    await makeRoot(tricky, ['sh', 'cat', 'ls']);
    for (const [link, to] of [
      ['proc', '/etc'],
      ['dev', '../../../../../../etc'],
      ['data', '/inner'],
      ['up', '../../../../../../../../var'],
      ['round', 'round'],
      ['file', '/inner/real'],
    ] as const) {
      await rm(join(tricky, link), { recursive: true, force: true });
      await symlink(to, join(tricky, link));
    }
    await rm(join(tricky, 'etc'), { recursive: true });
    await symlink('/usr', join(tricky, 'etc'));
    const volume = join(made.dataDir, 'volume');
    await mkdir(volume, { recursive: true });
    await writeFile(join(volume, 'x'), 'content');
    const folder = (containerPath: string) =>
      ({ containerPath, hostPath: volume, kind: 'folder', readOnly: true }) as const;
    const file = { containerPath: '/file', hostPath: join(volume, 'x'), kind: 'file', readOnly: true } as const;
    const result = await runToEnd(
      sandbox,
      tricky,
      'ls /inner/deep /var/deep /etc; cat /inner/real; ls /proc/self >/dev/null && echo proc',
      own({ mounts: [folder('/data/deep'), folder('/up/deep'), file] }),
    );
    expect(result).toMatchObject({ stderr: '', code: 0 });
    expect(result.stdout).toBe(
      '/etc:\nhostname\nhosts\nresolv.conf\n\n/inner/deep:\nx\n\n/var/deep:\nx\ncontentproc\n',
    );
    await expect(runToEnd(sandbox, tricky, 'true', own({ mounts: [folder('/round/a')] }))).rejects.toThrow(
      /too many links/,
    );
    await expect(runToEnd(sandbox, tricky, 'true', own({ mounts: [folder('/proc/sys')] }))).rejects.toThrow(
      /a volume cannot be mounted at \/proc\/sys: \/proc\/sys belongs to the system/,
    );
    expect((await readdir(tricky)).sort()).not.toContain('inner');
  });

  test('a program that is not there, cannot be run, or has nowhere to start is said so', async () => {
    const start = (command: string[], more = {}) => sandbox.start(containerSpec(root, command, own(more)).spec);
    await expect(start(['no-such-program'])).rejects.toMatchObject({
      reason: 'StartError',
      message: 'exec: "no-such-program": executable file not found in $PATH',
    });
    await expect(start(['sh'], { workingDir: '/etc/release' })).rejects.toThrow(/release/);
    await writeFile(join(root, 'bin/odd'), 'not a program', { mode: 0o755 });
    const { spec, output } = containerSpec(root, ['odd'], own());
    const container = await sandbox.start(spec);
    expect((await container.exited).code).toBe(126);
    await container.remove();
    expect(output.stderr).toMatch(/exec \/bin\/odd: it is not a program for this machine/);
  });

  test('exec runs in the image, as its user, with input, exit code and a terminal', async () => {
    const user = { uid: 1234, gid: 2345, groups: [] };
    const { spec } = containerSpec(root, ['sleep', '100'], own({ user, capabilities: [] }));
    const container = await sandbox.start(spec);
    expect(await execute(container, ['cat'], { stdin: 'in' })).toEqual({ stdout: 'in', stderr: '', code: 0 });
    const script = 'cat /etc/release; id -u; readlink /proc/self/root; exit 7';
    expect(await execute(container, ['sh', '-c', script])).toEqual({ stdout: 'whole1234\n/\n', stderr: '', code: 7 });
    expect(await execute(container, ['sh', '-c', '[ -t 0 ] && cat /etc/release'], { tty: true })).toMatchObject({
      stdout: 'whole',
      code: 0,
    });
    await expect(execute(container, ['nope'])).rejects.toThrow(/executable file not found/);
    const stop = new AbortController();
    const endless = execute(container, ['sleep', '100'], { signal: stop.signal });
    setTimeout(() => stop.abort(), 100);
    expect((await endless).code).toBe(137);
    container.signal('SIGKILL');
    await container.remove();
  });
});
