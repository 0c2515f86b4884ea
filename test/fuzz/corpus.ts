import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FuzzRequest } from './requests.ts';
import type { Finding } from './target.ts';

/** Requests that once went wrong, kept for ever: a file each, with the body in base64 where it is no text. */
const folder = join(import.meta.dirname, 'corpus');

interface Kept {
  /** What went wrong, for whoever reads the file. */
  was: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  base64?: string;
}

export function readCorpus(): { file: string; request: FuzzRequest }[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.sort().map((file) => {
    const { method, path, headers, body, base64 } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Kept;
    const bytes = base64 === undefined ? Buffer.from(body ?? '') : Buffer.from(base64, 'base64');
    return { file, request: { method, path, headers, body: bytes } };
  });
}

/** Writes a finding into the corpus; returns the file's name. */
export function keep({ request, what }: Finding, name: string): string {
  const { body, ...rest } = request;
  const text = body.toString('utf8');
  const content = Buffer.from(text).equals(body) ? { body: text } : { base64: body.toString('base64') };
  const kept: Kept = { was: what.slice(0, 300), ...rest, ...(body.length === 0 ? {} : content) };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  return `${name}.json`;
}
