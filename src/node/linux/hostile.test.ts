import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseRuntime } from '../detect.ts';
import { removeTree } from '../remove-tree.ts';
import type { Mount, Sandbox } from '../runtime.ts';
import { containerSpec, execute, makeDataDir, runToEnd, startRuntime } from './runtime.testing.ts';

const { name } = await chooseRuntime('auto');

describe.runIf(name === 'linux')('a hostile container', () => {
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
  const capabilities = ['chown', 'dac_override', 'fowner', 'kill', 'net_raw', 'sys_chroot'];
  const succeeded = async (tries: string[]) => {
    const script = tries.map((each, at) => `(${each}) >/dev/null 2>&1 && echo ${at}`).join('\n');
    const { stdout } = await run(script, { capabilities });
    return stdout.split('\n').flatMap((line) => (line === '' ? [] : [tries[Number(line)]]));
  };

  test('cannot change what an exec loads before it gives up its privileges', async () => {
    const names = ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc', 'proc'];
    expect(
      await succeeded([
        ...names.map((each) => `mv /${each} /moved`),
        ...names.map((each) => `rmdir /${each}`),
        ...['ld.so.preload', 'ld.so.cache', 'nsswitch.conf'].flatMap((file) => [
          `echo /tmp/evil.so >/etc/${file}`,
          `mv /etc/${file} /etc/moved`,
          `rm -f /etc/${file}`,
          `ln -sf /tmp/evil.so /etc/${file}`,
        ]),
        'mount -o remount,rw /usr',
        'umount /usr',
        'mount -t tmpfs none /usr/lib',
      ]),
    ).toEqual([]);
  });

  test('sees no process, device or socket of the host, and no way to its loopback', async () => {
    const port = 'require("net").connect(Number(process.argv[1]), "127.0.0.1")';
    expect(
      await succeeded([
        `kill -0 ${process.pid}`,
        'ls /proc/1/root/work',
        'ls /dev/sda* /dev/vda* /dev/mem /dev/kvm /dev/fuse /dev/disk',
        'mknod /tmp/mem c 1 1',
        'echo 0 >/proc/sys/kernel/randomize_va_space',
        'echo b >/proc/sysrq-trigger',
        'echo x >/sys/kernel/uevent_helper',
        'ls /run/* /var/run/docker.sock',
        `node -e '${port}.on("connect", () => process.exit(0)).on("error", () => process.exit(1))' 22`,
        'nsenter --target 1 --mount true',
        'chroot /proc/1/root true',
      ]),
    ).toEqual([]);
  });

  test('gets no open file of the host', async () => {
    const { stdout } = await run('for fd in /proc/$$/fd/*; do readlink $fd; done');
    expect(
      stdout
        .trim()
        .split('\n')
        .filter(
          (line) =>
            !/^(\/dev\/null|pipe:\[\d+\]|\/dev\/shm\/homeport-.*(\(deleted\)|\/stdout|\/stderr)|\/\.old.*\(deleted\))$/.test(
              line,
            ),
        ),
    ).toEqual([]);
  });

  test('that makes namespaces of its own is not followed into them', async () => {
    const inside = 'mount -t tmpfs none /mnt && touch /mnt/trap; echo up; exec sleep 100';
    const up = Promise.withResolvers<void>();
    const command = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', inside];
    const { spec } = containerSpec(made.layer, command, {
      user: { uid: 1234, gid: 1234, groups: [] },
      output: () => up.resolve(),
    });
    const container = await sandbox.start(spec);
    // Where a user may not make namespaces at all, there is nothing to follow.
    await Promise.race([up.promise, container.exited]);
    const seen = await execute(container, ['ls', '/mnt']).catch((error: Error) => error.message);
    expect(seen).toMatchObject({ stdout: '', code: 0 });
    container.signal('SIGKILL');
    await container.remove();
  });

  test('that writes without end waits for a client that does not read, until it goes', async () => {
    let seen = 0;
    const { spec } = containerSpec(made.layer, ['yes'], {
      output: (_stream, chunk) => {
        seen += chunk.length;
      },
    });
    const container = await sandbox.start(spec);
    const stop = new AbortController();
    const stdout = new Writable({ write: () => undefined });
    const attached = container.attach({ stdout, tty: false, signal: stop.signal });
    let before = -1;
    const stands = () => {
      const same = seen === before;
      before = seen;
      return same;
    };
    await expect.poll(() => stdout.writableLength).toBeGreaterThan(0);
    await expect.poll(stands).toBe(true);
    expect(stdout.writableLength).toBeLessThan(1 << 20);
    stop.abort();
    await attached;
    await expect.poll(() => seen).toBeGreaterThan(before);
    container.signal('SIGKILL');
    await container.remove();
  });

  test('cannot make folders that are too deep to be removed', async () => {
    const hostPath = join(made.dataDir, 'deep');
    await mkdir(hostPath);
    const dig = 'i=0; while [ $i -lt 30 ]; do mkdir -p $d && cd $d; i=$((i+1)); done';
    const mounts: Mount[] = [{ containerPath: '/deep', hostPath, kind: 'folder', readOnly: false }];
    const { code } = await run(`d=$(printf 'dddddddd/%.0s' $(seq 100)); cd /deep; ${dig}; cd /tmp; ${dig}`, { mounts });
    expect(code).toBe(0);
    await removeTree(hostPath);
    expect(existsSync(hostPath)).toBe(false);
  });

  test('cannot have a volume in the place of the system', async () => {
    const hostPath = join(made.dataDir, 'evil');
    await mkdir(hostPath, { recursive: true });
    await writeFile(join(made.dataDir, 'evil-file'), '');
    await symlink('/usr/lib', join(made.layer, 'app', 'libs'));
    await symlink('/etc/ld.so.preload', join(made.layer, 'app', 'preload'));
    const folder = (containerPath: string): Mount => ({ containerPath, hostPath, kind: 'folder', readOnly: false });
    const file = (containerPath: string): Mount => ({
      containerPath,
      hostPath: join(made.dataDir, 'evil-file'),
      kind: 'file',
      readOnly: false,
    });
    const all = [
      ...['/usr', '/usr/lib', '/bin', '/lib64', '/etc', '/proc', '/proc/sys', '/sys', '/app/libs', '/app/../lib'].map(
        folder,
      ),
      ...['/etc/ld.so.preload', '/etc/ld.so.cache', '/etc/nsswitch.conf', '/app/preload', '/usr/bin/setpriv'].map(file),
    ];
    for (const mount of all) {
      const attempt = run('true', { mounts: [mount] });
      await expect(attempt, mount.containerPath).rejects.toThrow(
        /a volume cannot be mounted at .*: .* belongs to the system/,
      );
    }
    expect(await run('true', { mounts: [folder('/etc/app'), file('/etc/motd'), folder('/dev/shm')] })).toMatchObject({
      code: 0,
    });
  });
});
