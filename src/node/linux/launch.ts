import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerSpec } from '../runtime.ts';
import type { IoPaths } from './container-io.ts';
import { quote } from './shell.ts';

/** Where the Node that Homeport runs on is offered to programs. */
export const nodeInContainer = '/opt/homeport/bin/node';

/** What the last step needs to know: it runs without privileges, and becomes the program. */
export interface Launch {
  command: readonly string[];
  env: ReadonlyMap<string, string>;
  workingDir: string;
  /** The program that leads into an image with a root of its own, and does there what is done here otherwise (enterImage). */
  entrance?: string | undefined;
}

/** Names that a shell cannot export as they are, or that mean something to it itself. */
const unfitNames =
  /^(?!\w+$)|^\d|^(?:_|UID|EUID|PPID|BASHOPTS|SHELLOPTS|BASH_VERSINFO|IFS|OPTIND|LINENO|PWD|OLDPWD|SHLVL|PS[124]|ENV|RANDOM|SECONDS)$/;

/**
 * The last step of a start, which privileges have been dropped for: a shell script that it reads from descriptor 3. It
 * sets the environment there and nowhere before, because a pod's variables (LD_PRELOAD, PATH) must not reach the
 * programs that run with privileges, and its secrets must not be seen in any argument list.
 */
function launchScript(launch: Launch): string {
  const [program = '', ...args] = launch.command;
  const { entrance } = launch;
  const lines = ['exec 3<&-', 'fail() { echo "$1" >&5; exit 128; }'];
  const names = [...launch.env.keys()];
  const cd = `cd -- ${quote(launch.workingDir)} 2>/dev/null || fail ${quote(`the working directory ${launch.workingDir} cannot be entered`)}`;
  const missing = `exec: ${JSON.stringify(program)}: executable file not found in $PATH`;
  if (names.some((name) => unfitNames.test(name))) {
    // Variables named 'a.b' are valid in Kubernetes, and no shell can set them.
    const job = JSON.stringify({ ...launch, env: Object.fromEntries(launch.env), missing });
    lines.push(
      ...(entrance ? [] : [cd]),
      `exec ${nodeInContainer} -e ${quote(nodeLauncher)} 3<<'${endMark}'\n${job}\n${endMark}`,
    );
    return `${lines.join('\n')}\n`;
  }
  lines.push(...(entrance ? [] : [cd]), 'unset PWD OLDPWD LC_ALL TERM');
  for (const [name, value] of launch.env) lines.push(`export ${name}=${quote(value)}`);
  if (entrance) return `${lines.join('\n')}\nexec ${[entrance, program, ...args].map(quote).join(' ')}\n`;
  lines.push(
    `command -v -- ${quote(program)} >/dev/null 2>&1 || fail ${quote(missing)}`,
    'echo ok >&5',
    `exec ${[program, ...args].map(quote).join(' ')} 5>&-`,
  );
  return `${lines.join('\n')}\n`;
}

const endMark = `homeport-${randomBytes(12).toString('hex')}`;

const nodeLauncher = `
const fs = require('node:fs'), path = require('node:path');
const { command, env, missing, entrance } = JSON.parse(fs.readFileSync(3, 'utf8'));
if (entrance) fs.writeSync(5, 'ok\\n'), process.execve(entrance, [entrance, ...command], env);
const usable = (file) => { try { fs.accessSync(file, fs.constants.X_OK); return fs.statSync(file).isFile(); } catch { return false; } };
const places = command[0].includes('/') ? [path.resolve(command[0])] : (env.PATH ?? '').split(':').map((dir) => path.join(dir || '.', command[0]));
const file = places.find(usable);
if (!file) { fs.writeSync(5, missing + '\\n'); process.exit(128); }
fs.writeSync(5, 'ok\\n');
fs.closeSync(5);
process.execve(path.resolve(file), command, env);
`;

/** The privileges a program gets, as arguments of setpriv(1). */
function privilegeArgs(spec: Privileges): string[] {
  const { uid, gid, groups } = spec.user;
  return [
    ...(spec.noNewPrivileges ? ['--no-new-privs'] : []),
    '--inh-caps=-all',
    `--bounding-set=${['-all', ...spec.capabilities.map((capability) => `+${capability}`)].join(',')}`,
    `--reuid=${uid}`,
    `--regid=${gid}`,
    groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups',
  ];
}

type Privileges = Pick<ContainerSpec, 'user' | 'capabilities' | 'noNewPrivileges'>;

/**
 * The words that become the program: drop privileges, then run the script on descriptor 3.
 * @param wrap what goes around the script, without privileges too
 */
export function launchWords(spec: Privileges, wrap = (words: readonly string[]) => words): string[] {
  return ['setpriv', ...privilegeArgs(spec), '--', ...wrap(['sh', '-c', 'eval "$(cat <&3)"'])];
}

export interface FirstStep {
  /** Scripts for descriptors 3 (launch) and 4 (set-up, if there is one). */
  files: ScriptFiles;
  /** The file that descriptor 5 writes to: how far the start got. */
  report: string;
  cgroups: readonly string[];
  /** What to go on as. */
  next: readonly string[];
}

/** Takes the scripts (removing them: they hold secrets) and joins the control groups. */
function takeAndJoin({ files, report, cgroups }: FirstStep): string[] {
  const paths = Object.values(files).map(quote).join(' ');
  const setup = files.setup === undefined ? '' : ` 4<${quote(files.setup)}`;
  return [
    `exec 3<${quote(files.launch)}${setup} 5>>${quote(report)} || exit 1`,
    `rm -f ${paths}`,
    ...cgroups.map((folder) => `echo $$ >${quote(join(folder, 'cgroup.procs'))} || exit 1`),
  ];
}

const goOn = ({ next }: FirstStep): string => `exec ${next.map(quote).join(' ')}`;

/** The first step of an exec, on the host: its life is bound to Homeport's. */
export function firstStep(step: FirstStep): string[] {
  // setpriv has asked for a signal when the parent dies; if it died before that, nobody would send it.
  const script = [`[ "$PPID" = ${process.pid} ] || exit 1`, ...takeAndJoin(step), goOn(step)];
  return ['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', script.join('\n')];
}

/**
 * The first step of a container, on the host. It holds both ends of the container's pipes (descriptors 6, 7 and 9), so that
 * the container goes on when Homeport is killed. A process beside it does that for its input: ending it ends the input. On
 * a terminal, script(1) does.
 */
export function firstStepOfContainer(
  step: FirstStep,
  io: IoPaths,
  options: { stdin: boolean; tty: boolean },
): string[] {
  const closed = '>/dev/null 2>&1 3<&- 4<&- 5>&- 6<&- 7<&- 9<&-';
  const holdInput = `setpriv --pdeathsig KILL sleep infinity <>${quote(io.stdin)} ${closed} & echo "stdin $!" >&5`;
  const script = [
    ...takeAndJoin(step),
    `exec 6<>${quote(io.stdout)} 7<>${quote(io.stderr)} 9<>${quote(io.life)} || exit 1`,
    ...(options.stdin && options.tty ? [`exec <>${quote(io.stdin)} || exit 1`] : []),
    ...(options.stdin && !options.tty ? [holdInput] : []),
    goOn(options.tty ? { ...step, next: onOuterTerminal(step.next) } : step),
  ];
  return ['sh', '-c', script.join('\n')];
}

/**
 * A terminal that outlives Homeport: script(1) makes it and passes everything through. The keeper is a grandchild of it,
 * because script stops along with a child that stops.
 */
const onOuterTerminal = (words: readonly string[]) => [
  ...['script', '--quiet', '--return', '--echo', 'always', '--command'],
  // Without the shell's own remark about how the keeper ended.
  `stty cols 80 rows 24; exec 8>&2 2>/dev/null; (exec ${words.map(quote).join(' ')} 2>&8 8>&-); exit $?`,
  '/dev/null',
];

export interface ScriptFiles {
  launch: string;
  setup?: string;
}

let serial = 0;

/** Writes the scripts where only root can read them, in memory, until the first step has opened them. */
export function writeScripts(memoryDir: string, launch: Launch, setup?: string): ScriptFiles {
  const base = join(memoryDir, `start-${process.pid}-${serial++}`);
  const files: ScriptFiles = { launch: `${base}.launch` };
  writeFileSync(files.launch, launchScript(launch), { mode: 0o600, flag: 'wx' });
  if (setup === undefined) return files;
  files.setup = `${base}.setup`;
  writeFileSync(files.setup, setup, { mode: 0o600, flag: 'wx' });
  return files;
}
