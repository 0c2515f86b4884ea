/** The system calls that a program of steps can make, by their numbers on each architecture (syscalls(2)). */
const numbers = {
  x64: {
    ...{ write: 1, close: 3, execve: 59, chdir: 80, chroot: 161, prctl: 157 },
    ...{ setgroups: 116, setresuid: 117, setresgid: 119, exit_group: 231, faccessat: 269, ppoll: 271 },
  },
  arm64: {
    ...{ write: 64, close: 57, execve: 221, chdir: 49, chroot: 51, prctl: 167 },
    ...{ setgroups: 159, setresuid: 147, setresgid: 149, exit_group: 94, faccessat: 48, ppoll: 73 },
  },
} as const;

type Architecture = keyof typeof numbers;

/** A number; the address of some bytes; or the arguments (without the first) and environment that the program was started with. */
export type Operand = number | Buffer | 'arguments' | 'environment';

export interface Step {
  call: keyof (typeof numbers)['x64'];
  operands: readonly Operand[];
  /** What comes next if the call succeeds, before the step after this one. */
  done?: readonly Step[];
  /** What comes next if it fails. */
  failed?: readonly Step[];
}

/** Whether programs of steps can be made for this machine. */
export const hasMachineCode = process.arch in numbers;

const base = 0x40_0000;
const headersSize = 64 + 2 * 56;

/**
 * Assembles a list of system calls into a program: a static ELF executable that needs no loader, no library and no shell,
 * so that it can be trusted wherever it is run.
 * @throws Error on an architecture that it has no words for.
 */
export function assemble(steps: readonly Step[], architecture: string = process.arch): Buffer {
  if (architecture !== 'x64' && architecture !== 'arm64')
    throw new Error(`no machine code is known for ${architecture}`);
  const { size } = encode(steps, architecture, () => 0);
  let end = base + headersSize + size;
  const data: Buffer[] = [];
  const place = (bytes: Buffer) => {
    const at = end;
    const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
    data.push(padded);
    end += padded.length;
    return at;
  };
  // Instructions are of one length whatever the address, so that data can lie behind them, aligned.
  const slack = Buffer.alloc((8 - (end % 8)) % 8);
  end += slack.length;
  const { code } = encode(steps, architecture, place);
  const body = Buffer.concat([code, slack, ...data]);
  return Buffer.concat([elfHeaders(headersSize + body.length, architecture), body]);
}

function encode(steps: readonly Step[], architecture: Architecture, place: (bytes: Buffer) => number) {
  const code = Buffer.concat(steps.map((step) => encodeStep(step, architecture, place)));
  return { code, size: code.length };
}

function encodeStep(step: Step, architecture: Architecture, place: (bytes: Buffer) => number): Buffer {
  const { load, call, skipUnless } = encoders[architecture];
  const operands = step.operands.map((operand, at) => load(at, Buffer.isBuffer(operand) ? place(operand) : operand));
  const { code } = encode(step.done ?? step.failed ?? [], architecture, place);
  const jump = code.length === 0 ? [] : [skipUnless(step.done ? 'done' : 'failed', code.length)];
  return Buffer.concat([...operands, call(numbers[architecture][step.call]), ...jump, code]);
}

interface Encoder {
  /** Puts the operand at this position where the kernel looks for it. */
  load(position: number, operand: number | 'arguments' | 'environment'): Buffer;
  call(number: number): Buffer;
  /** Jumps over the next `length` bytes unless the last call has ended so. */
  skipUnless(outcome: 'done' | 'failed', length: number): Buffer;
}

/** At its start a program finds the count of its arguments on the stack, then their addresses, a zero, and the environment's. */
const x64: Encoder = {
  load(position, operand) {
    if (operand === 'arguments') return Buffer.from('488d742410', 'hex'); // lea rsi, [rsp+16]
    if (operand === 'environment') return Buffer.from('488b1424488d54d410', 'hex'); // mov rdx, [rsp]; lea rdx, [rsp+rdx*8+16]
    const move = ['48bf', '48be', '48ba', '49ba'][position] ?? ''; // movabs rdi, rsi, rdx, r10
    return Buffer.concat([Buffer.from(move, 'hex'), word(operand)]);
  },
  call: (number) => Buffer.concat([Buffer.from('48b8', 'hex'), word(number), Buffer.from('0f05', 'hex')]), // movabs rax; syscall
  skipUnless(outcome, length) {
    const jump = Buffer.from(outcome === 'done' ? '4885c00f8800000000' : '4885c00f8900000000', 'hex'); // test rax, rax; js / jns
    jump.writeInt32LE(length, 5);
    return jump;
  },
};

const arm64: Encoder = {
  load(position, operand) {
    if (operand === 'arguments') return words(0x9100_43e1); // add x1, sp, #16
    if (operand === 'environment') return words(0xf940_03e2, 0x9100_43e3, 0x8b02_0c62); // ldr x2, [sp]; add x3, sp, #16; add x2, x3, x2, lsl #3
    return moveWide(position, operand);
  },
  call: (number) => Buffer.concat([moveWide(8, number), words(0xd400_0001)]), // svc #0
  skipUnless(outcome, length) {
    const offset = (length / 4 + 1) << 5;
    return words(((outcome === 'done' ? 0xb7f8_0000 : 0xb6f8_0000) | offset) >>> 0); // tbnz / tbz x0, #63
  },
};

const encoders: Record<Architecture, Encoder> = { x64, arm64 };

/** movz and three movk: 16 bits each. */
function moveWide(register: number, value: number): Buffer {
  const bits = BigInt.asUintN(64, BigInt(value));
  const parts = [0, 1, 2, 3].map((at) => Number((bits >> BigInt(16 * at)) & 0xffffn));
  return words(
    ...parts.map((part, at) => ((at === 0 ? 0xd280_0000 : 0xf280_0000) | (at << 21) | (part << 5) | register) >>> 0),
  );
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
}

function words(...all: number[]): Buffer {
  const bytes = Buffer.alloc(4 * all.length);
  for (const [at, each] of all.entries()) bytes.writeUInt32LE(each, 4 * at);
  return bytes;
}

/** The ELF header, one segment that is read and executed, and the word that the stack is not executed (elf(5)). */
function elfHeaders(size: number, architecture: Architecture): Buffer {
  const header = Buffer.alloc(headersSize);
  Buffer.from('7f454c46020101', 'hex').copy(header); // ELF, 64 bits, little endian, version 1
  header.writeUInt16LE(2, 16); // an executable
  header.writeUInt16LE(architecture === 'x64' ? 62 : 183, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(base + headersSize), 24); // where it starts
  header.writeBigUInt64LE(64n, 32); // where the segments are told
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(2, 56);
  const [readExecute, readWrite, page] = [5, 6, 0x1_0000n];
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(readExecute, 68);
  for (const at of [80, 88]) header.writeBigUInt64LE(BigInt(base), at);
  for (const at of [96, 104]) header.writeBigUInt64LE(BigInt(size), at);
  header.writeBigUInt64LE(page, 112);
  header.writeUInt32LE(0x6474_e551, 120); // PT_GNU_STACK
  header.writeUInt32LE(readWrite, 124);
  return header;
}
