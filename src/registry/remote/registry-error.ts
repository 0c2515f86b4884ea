import type { IncomingMessage } from 'node:http';
import { readBody } from './send.ts';

/** A registry's refusal, with the codes of the distribution specification: 'MANIFEST_UNKNOWN', 'UNAUTHORIZED'. */
export class RegistryError extends Error {
  readonly status: number;
  readonly codes: readonly string[];
  constructor(message: string, status: number, codes: readonly string[]) {
    super(message);
    this.name = 'RegistryError';
    this.status = status;
    this.codes = codes;
  }
}

const mostExplanation = 16 << 10;

/** The error in an answer, whose body is read. @param doing 'GET https://registry-1.docker.io/v2/…' */
export async function errorOf(response: IncomingMessage, doing: string): Promise<RegistryError> {
  const status = response.statusCode ?? 0;
  const errors = await readErrors(response);
  const codes = errors.flatMap(({ code }) => (typeof code === 'string' ? [code] : []));
  const said = errors
    .map(({ code, message }) => [code, message].filter((part) => typeof part === 'string' && part !== '').join(': '))
    .filter(Boolean)
    .join('; ');
  const text = `${status} ${response.statusMessage ?? ''}`.trim();
  return new RegistryError(`${doing}: ${text}${said ? ` (${oneLine(said)})` : ''}`, status, codes);
}

async function readErrors(response: IncomingMessage): Promise<{ code?: unknown; message?: unknown }[]> {
  try {
    const parsed: unknown = JSON.parse((await readBody(response, mostExplanation)).toString('utf8'));
    const errors = typeof parsed === 'object' && parsed !== null && 'errors' in parsed ? parsed.errors : undefined;
    return Array.isArray(errors) ? errors.filter((each) => typeof each === 'object' && each !== null).slice(0, 5) : [];
  } catch {
    // An error page for people, or nothing at all: the status says enough.
    response.destroy();
    return [];
  }
}

/** What somebody else wrote, fit for a message: on one line, without control characters, not endless. */
const oneLine = (text: string) => text.replace(/[\p{Cc}\s]+/gu, ' ').slice(0, 500);
