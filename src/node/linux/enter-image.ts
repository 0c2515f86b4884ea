import { posix } from 'node:path';
import type { ContainerSpec } from '../runtime.ts';
import { assemble, type Step } from './machine-code.ts';

export interface EnterOptions extends Pick<ContainerSpec, 'workingDir' | 'user' | 'capabilities' | 'env'> {
  /** The image's root, as the process sees it. */
  root: string;
  /** The program's name as it was given; without a slash it is looked for on the PATH of `env`. */
  program: string;
}

/** The capabilities without which nobody can enter an image's root, become its user and give up what is too much. */
const needed: readonly string[] = ['sys_chroot', 'setuid', 'setgid', 'setpcap'];

type Privileges = Pick<ContainerSpec, 'user' | 'capabilities' | 'noNewPrivileges'>;

/** The privileges of what comes before the last step, which takes them down to those of the container. */
export function entering({ capabilities, noNewPrivileges }: Privileges): Privileges {
  const user = { uid: 0, gid: 0, groups: [] };
  return { user, noNewPrivileges, capabilities: [...new Set([...capabilities, ...needed])] };
}

/** Their numbers (capabilities(7)). */
const capabilityNumbers: Partial<Record<string, number>> = { setgid: 6, setuid: 7, setpcap: 8, sys_chroot: 18 };

const dropFromBoundingSet = 24;
const atWorkingDirectory = -100;
const executable = 1;
const report = 5;
const standardError = 2;

/**
 * The last step into an image that has a root of its own: a program that enters the root, gives up what is left of its
 * privileges, and becomes the container's program, with the arguments and the environment that it got itself.
 *
 * It is a static executable of a few system calls, because nothing of the image may be run before that: a loader, a
 * library or a shell of the image would run with privileges on the host.
 */
export function enterImage({ root, workingDir, user, capabilities, program, env }: EnterOptions): Buffer {
  const notEntered = `the working directory ${workingDir} cannot be entered`;
  const missing = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
  const surplus = needed.filter((name) => !capabilities.includes(name));
  const folders = (env.get('PATH') ?? '').split(':');
  const places = program.includes('/') ? [program] : folders.map((folder) => posix.join(folder || '.', program));
  const groups = Buffer.alloc(4 * user.groups.length);
  for (const [at, group] of user.groups.entries()) groups.writeUInt32LE(group, 4 * at);
  const { uid, gid } = user;
  return assemble([
    must('chroot', [text(root)], 'the root of the image cannot be entered'),
    must('chdir', [text(workingDir)], notEntered),
    ...surplus.map((name) => must('prctl', [dropFromBoundingSet, numberOf(name)], `${name} cannot be given up`)),
    must('setgroups', [user.groups.length, groups], 'its groups cannot be set'),
    must('setresgid', [gid, gid, gid], 'its group cannot be set'),
    must('setresuid', [uid, uid, uid], 'its user cannot be set'),
    ...places.map((place): Step => {
      const execute: Step = { call: 'execve', operands: [text(place), 'arguments', 'environment'] };
      const refused = `exec ${place}: it is not a program for this machine, or its interpreter is missing`;
      const start = [...say(report, 'ok'), { call: 'close', operands: [report] } as const, execute];
      return {
        call: 'faccessat',
        operands: [atWorkingDirectory, text(place), executable],
        done: [...start, ...say(standardError, refused), exit(126)],
      };
    }),
    ...giveUp(missing),
  ]);
}

function numberOf(capability: string): number {
  const number = capabilityNumbers[capability];
  if (number === undefined) throw new Error(`the capability ${capability} is not one that is needed to enter an image`);
  return number;
}

function text(words: string): Buffer {
  if (words.includes('\0')) throw new Error('a NUL cannot be part of a path');
  return Buffer.from(`${words}\0`);
}

const exit = (code: number): Step => ({ call: 'exit_group', operands: [code] });

function say(descriptor: number, words: string): Step[] {
  const bytes = Buffer.from(`${words}\n`);
  return [{ call: 'write', operands: [descriptor, bytes, bytes.length] }];
}

/** The report is closed already when Node was on the way here; then who reads the container's errors is told. */
const giveUp = (why: string): Step[] => [
  ...say(report, why).map((step) => ({ ...step, failed: say(standardError, why) })),
  exit(128),
];

const must = (call: Step['call'], operands: Step['operands'], otherwise: string): Step => ({
  call,
  operands,
  failed: giveUp(otherwise),
});
