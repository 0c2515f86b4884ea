/** One way to authenticate that a server offers (RFC 9110, WWW-Authenticate). */
export interface Challenge {
  /** In lower case: 'bearer', 'basic'. */
  scheme: string;
  parameters: Readonly<Record<string, string>>;
}

const token = /[!#$%&'*+\-.^_`|~\w]+/y;
const parameter = /\s*,?\s*([!#$%&'*+\-.^_`|~\w]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/y;

/** Reads the challenges of a WWW-Authenticate header, also several in one line. What cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;
  while (at < header.length) {
    at += /^[\s,]*/.exec(header.slice(at))?.[0].length ?? 0;
    token.lastIndex = at;
    const scheme = token.exec(header)?.[0];
    if (scheme === undefined) break;
    at = token.lastIndex;
    const parameters: Record<string, string> = {};
    for (;;) {
      parameter.lastIndex = at;
      const found = parameter.exec(header);
      if (!found) break;
      parameters[(found[1] ?? '').toLowerCase()] = found[2]?.replace(/\\(.)/g, '$1') ?? found[3] ?? '';
      at = parameter.lastIndex;
    }
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
  }
  return challenges;
}
