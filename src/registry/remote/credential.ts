import { matchesName } from '../glob.ts';

/** What a registry is told to be let in. `auth` of a docker configuration has become username and password. */
export interface Credential {
  username: string;
  password: string;
  /** An OAuth2 refresh token, in place of a password. */
  identityToken?: string;
}

/** The credentials of some docker configurations, by the registry and path that they are for. */
export interface Keyring {
  /** Those that fit a repository ('docker.io/library/nginx'), the most specific first. Several allow for rotation. */
  lookup(repository: string): readonly Credential[];
}

interface Entry {
  key: string;
  credential: Credential;
}

/**
 * Makes a keyring of docker configurations: the content of ~/.docker/config.json or of a kubernetes.io/dockerconfigjson
 * Secret (`{"auths": …}`), or of a kubernetes.io/dockercfg Secret (the map itself). Matching is the kubelet's: globs in
 * the parts of a host name, equal ports, the path as a prefix.
 * @throws Error for a document of another form, without its content, which is secret.
 */
export function createKeyring(documents: readonly unknown[]): Keyring {
  const entries = documents.flatMap(entriesOf).sort((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0));
  return {
    lookup(repository) {
      const found = entries.filter(({ key }) => matches(key, repository));
      if (found.length === 0 && repository.startsWith('docker.io/'))
        found.push(...entries.filter(({ key }) => key === 'index.docker.io' || key === 'docker.io'));
      return found.map(({ credential }) => credential);
    },
  };
}

function entriesOf(document: unknown): Entry[] {
  if (!isMap(document)) throw new Error('a docker configuration must be a JSON object');
  const auths = 'auths' in document ? document['auths'] : document;
  if (!isMap(auths)) throw new Error('the auths of a docker configuration must be a JSON object');
  return Object.entries(auths).flatMap(([location, value]) => {
    const credential = isMap(value) ? credentialOf(value) : undefined;
    return credential ? [{ key: keyOf(location), credential }] : [];
  });
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function credentialOf(entry: Record<string, unknown>): Credential | undefined {
  const text = (key: string) => (typeof entry[key] === 'string' ? entry[key] : '');
  let username = text('username');
  let password = text('password');
  if (text('auth')) {
    const decoded = Buffer.from(text('auth'), 'base64').toString('utf8');
    const colon = decoded.indexOf(':');
    if (colon < 0) throw new Error('the auth of a docker configuration is not base64 of username:password');
    username = decoded.slice(0, colon);
    password = decoded.slice(colon + 1).replace(/\0+$/, '');
  }
  const identityToken = text('identitytoken');
  if (!username && !password && !identityToken) return undefined;
  return { username, password, ...(identityToken ? { identityToken } : {}) };
}

/** 'https://index.docker.io/v1/' → 'index.docker.io', 'quay.io/coreos' as it is. */
function keyOf(location: string): string {
  const bare = location.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  if (slash < 0) return bare;
  const path = bare.slice(slash).replace(/^\/v[12](?=\/)/, '');
  return path === '/' ? bare.slice(0, slash) : bare.slice(0, slash) + path;
}

function matches(glob: string, target: string): boolean {
  const [pattern, wanted] = [split(glob), split(target)];
  if (pattern.port !== wanted.port || pattern.parts.length !== wanted.parts.length) return false;
  if (!wanted.path.startsWith(pattern.path)) return false;
  return pattern.parts.every((part, at) => matchesName(part, wanted.parts[at] ?? ''));
}

function split(location: string): { parts: string[]; port: string; path: string } {
  const slash = location.indexOf('/');
  const host = slash < 0 ? location : location.slice(0, slash);
  const port = /:(\d*)$/.exec(host)?.[1] ?? '';
  return {
    parts: host.replace(/:\d*$/, '').split('.'),
    port,
    path: slash < 0 ? '' : location.slice(slash),
  };
}
