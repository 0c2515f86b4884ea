import { spawn } from '@lydell/node-pty';

/** Runs a command in a pseudo-terminal (100 columns, 30 rows), types the input once it prints, and returns its screen. */
export function runInTerminal(
  command: string,
  args: readonly string[],
  input: string,
  env: Record<string, string>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const terminal = spawn(command, [...args], { cols: 100, rows: 30, env: { ...process.env, ...env } });
    let screen = '';
    let typed = false;
    const timer = setTimeout(() => {
      terminal.kill('SIGKILL');
      reject(new Error(`${command} ${args.join(' ')} did not end; its screen: ${screen}`));
    }, 20_000);
    terminal.onData((text) => {
      screen += text;
      if (typed) return;
      typed = true;
      terminal.write(input);
    });
    terminal.onExit(() => {
      clearTimeout(timer);
      resolve(screen);
    });
  });
}
