import { readFile, realpath } from 'node:fs/promises';

/** Where something is mounted at or below a path, the deepest first. Empty where the system cannot say. */
export async function mountPointsBelow(path: string): Promise<string[]> {
  const real = await realpath(path).catch(() => path);
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return text
    .split('\n')
    .map((line) => unescaped(line.split(' ')[4] ?? ''))
    .filter((point) => point === real || point.startsWith(`${real}/`))
    .sort((a, b) => b.length - a.length);
}

/** mountinfo writes white space and backslashes as three octal digits (proc(5)). */
const unescaped = (text: string): string =>
  text.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
