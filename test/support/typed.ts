import { expect } from 'vitest';
import type { TestHomeport } from './homeport.ts';
import { run } from './run.ts';
import { type Tool, tool } from './tools.ts';

/**
 * What is typed after `kubectl`, and what must then be read: a part of it, a pattern or, with '=', all of it. '✗' before a
 * command: it fails, and that is read on the standard error. '' for nothing that matters.
 */
export type Typed = readonly [command: string, reads: string | RegExp, input?: string];

export interface Typist {
  program: Tool;
  homeport: TestHomeport;
  /** Where the files of the commands are. */
  folder: string;
  env?: Record<string, string>;
}

/** Types commands one after another in a namespace, and checks what each prints. */
export async function type(typist: Typist, namespace: string, commands: readonly Typed[]): Promise<void> {
  const { program, homeport, folder } = typist;
  const env = { KUBECONFIG: homeport.status.kubeconfig, HOME: homeport.dataDir, ...typist.env };
  for (const [written, reads, input] of commands) {
    const fails = written.startsWith('✗');
    const command = fails ? written.slice(1).trim() : written;
    const args = ['-n', namespace, ...words(command)];
    const options = { env, cwd: folder, ...(input === undefined ? {} : { input }) };
    const { code, stdout, stderr } = await run(tool(program), args, options);
    const told = `${program} ${command}\n${stdout}${stderr}`;
    expect(code === 0, told).toBe(!fails);
    const printed = fails ? stderr : stdout;
    if (typeof reads === 'string' && reads.startsWith('=')) expect(printed, told).toBe(reads.slice(1));
    else if (typeof reads === 'string') expect(printed, told).toContain(reads);
    else expect(printed, told).toMatch(reads);
  }
}

/** The words of a command as a shell takes them: apart at spaces, but for those in single quotes. */
export function words(command: string): string[] {
  return [...command.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}
