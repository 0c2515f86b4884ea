import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { assemble, hasMachineCode, type Step } from './machine-code.ts';

const say = (text: string): Step => ({ call: 'write', operands: [1, Buffer.from(text), text.length] });
const end = (code: number): Step => ({ call: 'exit_group', operands: [code] });
const goTo = (path: string, more: Pick<Step, 'done' | 'failed'>): Step => ({
  ...{ call: 'chdir', operands: [Buffer.from(`${path}\0`)] },
  ...more,
});

test.runIf(process.platform === 'linux' && hasMachineCode)('a program of steps does what they say', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'homeport-code-'));
  const run = async (steps: Step[], args: string[] = []) => {
    const path = join(dir, 'program');
    await writeFile(path, assemble(steps));
    await chmod(path, 0o755);
    return promisify(execFile)(path, args, { env: { A: 'b c', D: '' } }).then(
      ({ stdout }) => ({ stdout, code: 0 }),
      ({ stdout, code }) => ({ stdout, code }),
    );
  };
  const branches = [
    goTo('/', { done: [say('a')] }),
    goTo('/nowhere', { done: [say('b')] }),
    goTo('/', { failed: [say('c')] }),
    goTo('/nowhere', { failed: [say('d'), goTo('/', { done: [say('e'), end(7)] })] }),
    end(1),
  ];
  expect(await run(branches)).toEqual({ stdout: 'ade', code: 7 });
  const become: Step = { call: 'execve', operands: [Buffer.from('/usr/bin/env\0'), 'arguments', 'environment'] };
  expect(await run([become, end(1)], ['env', '-0'])).toEqual({ stdout: 'A=b c\0D=\0', code: 0 });
  await rm(dir, { recursive: true });
});

test('the words of both architectures are as their manuals have them', () => {
  const steps = [goTo('/x', { failed: [end(3)] })];
  const code = (architecture: string) =>
    assemble(steps, architecture)
      .subarray(64 + 2 * 56)
      .toString('hex');
  // movabs rdi, 0x4000e8; movabs rax, 80; syscall; test rax, rax; jns +22; movabs rdi, 3; movabs rax, 231; syscall
  expect(code('x64')).toBe(
    `48bf${'e800400000000000'}48b8${'5000000000000000'}0f054885c00f8916000000` +
      `48bf${'0300000000000000'}48b8${'e700000000000000'}0f05${'00'.repeat(3)}2f78000000000000`,
  );
  const words = (code('arm64').match(/.{8}/g) ?? []).map((word) =>
    Buffer.from(word, 'hex').readUInt32LE().toString(16),
  );
  // mov x0, #0x100; movk x0, #0x40, lsl #16; …; mov x8, #49; …; svc #0; tbz x0, #63, #40; mov x0, #3; …; mov x8, #94; …; svc #0
  expect(words.slice(0, 10)).toEqual([
    'd2802000',
    'f2a00800',
    'f2c00000',
    'f2e00000',
    'd2800628',
    'f2a00008',
    'f2c00008',
    'f2e00008',
    'd4000001',
    'b6f80140',
  ]);
  expect(() => assemble(steps, 'mips')).toThrow(/no machine code is known for mips/);
});
