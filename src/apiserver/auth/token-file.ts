import { createHash, timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '../contracts.ts';

/** Finds the user of a bearer token; undefined if no line of the file has it. */
export type TokenLookup = (token: string) => UserInfo | undefined;

/**
 * Reads a `--token-auth-file`: CSV lines of `token,user,uid` and optionally `"group1,group2"`. Empty lines are skipped, a
 * token given twice takes its last line. Throws an Error that names the line (never its content) for one with too few columns.
 */
export function parseTokenFile(text: string): TokenLookup {
  const users: { digest: Buffer; user: UserInfo }[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const columns = parseCsvLine(line);
    const [token, username, uid, groups = ''] = columns;
    if (columns.length < 3 || !token || !username || uid === undefined) {
      throw new Error(
        `reading the token file: line ${index + 1} has ${columns.length} columns; at least three, token, user name and user uid, must be there and not be empty`,
      );
    }
    const names = groups.split(',').map((group) => group.trim());
    users.push({ digest: digestOf(token), user: { username, uid, groups: names.filter((group) => group !== '') } });
  }
  // Every line is compared, through digests of one length, so that the time taken tells nothing about any token.
  return (token) => {
    const digest = digestOf(token);
    let found: UserInfo | undefined;
    for (const candidate of users) {
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.user;
    }
    return found;
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** The fields of one CSV record (RFC 4180, without line breaks in fields). */
function parseCsvLine(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  while (at <= line.length) {
    while (line[at] === ' ') at++;
    if (line[at] !== '"') {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      fields.push(line.slice(at, end).trim());
      at = end + 1;
      continue;
    }
    let value = '';
    at++;
    for (; at < line.length; at++) {
      if (line[at] !== '"') value += line[at];
      else if (line[at + 1] === '"') {
        value += '"';
        at++;
      } else break;
    }
    fields.push(value);
    const comma = line.indexOf(',', at);
    at = comma < 0 ? line.length + 1 : comma + 1;
  }
  return fields;
}
