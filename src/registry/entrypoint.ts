import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface PackageFile {
  main?: unknown;
  bin?: unknown;
  scripts?: { start?: unknown };
  homeport?: { image?: { entrypoint?: unknown } };
}

/** Files that start a Node program by convention. */
const conventional = ['server.js', 'server.mjs', 'index.js', 'index.mjs', 'main.js', 'main.mjs'];

/**
 * How the program in a folder is started, in this order: package.json's `homeport.image.entrypoint` (a list), its
 * `scripts.start`, `main`, `bin`; a file named by convention (server.js, index.js, main.js); the only executable file.
 * @throws Error when nothing of it fits, saying what to do.
 */
export async function findEntrypoint(folder: string, workdir: string): Promise<string[]> {
  const found = (await fromPackage(folder)) ?? (await fromFiles(folder, workdir));
  if (found) return found;
  throw new Error(
    `nothing in ${folder} says how its program is started: name it with --entrypoint, or in package.json as "scripts": {"start": …} or "main"`,
  );
}

async function fromPackage(folder: string): Promise<string[] | undefined> {
  const path = join(folder, 'package.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  let file: PackageFile;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new Error(`reading ${path}: ${error instanceof Error ? error.message : error}`);
  }
  const stated = file.homeport?.image?.entrypoint;
  if (stated !== undefined) return listOfWords(stated, `${path}: homeport.image.entrypoint`);
  if (typeof file.scripts?.start === 'string') return words(file.scripts.start);
  if (typeof file.main === 'string') return ['node', file.main];
  const bins = typeof file.bin === 'string' ? [file.bin] : Object.values(file.bin ?? {});
  return typeof bins[0] === 'string' && bins.length === 1 ? ['node', bins[0]] : undefined;
}

function listOfWords(value: unknown, where: string): string[] {
  if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === 'string')) return value;
  throw new Error(`${where} must be a list of words, such as ["node", "server.js"]`);
}

/** A plain command runs without a shell, so that signals reach the program itself. */
function words(command: string): string[] {
  return /^[\w@%+:,./-]+(?: +[\w@%+=:,./-]+)*$/.test(command.trim())
    ? command.trim().split(/ +/)
    : ['/bin/sh', '-c', command];
}

async function fromFiles(folder: string, workdir: string): Promise<string[] | undefined> {
  const names = (await readdir(folder)).sort();
  const script = conventional.find((name) => names.includes(name));
  if (script) return ['node', script];
  const executable: string[] = [];
  for (const name of names) {
    const info = await lstat(join(folder, name));
    if (info.isFile() && info.mode & 0o100) executable.push(name);
  }
  return executable.length === 1 ? [`${workdir === '/' ? '' : workdir}/${executable[0]}`] : undefined;
}
