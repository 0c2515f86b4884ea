import type { ImageSource, NodeImage } from '../images.ts';
import { type Engine, EngineError } from './engine.ts';
import { pauseImage } from './pause-image.ts';

/** ImageInspect of the Docker Engine API, as far as it is used. */
interface ImageInspect {
  Id: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Size: number;
  Config?: {
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    Env?: string[] | null;
    WorkingDir?: string;
    User?: string;
    Labels?: Record<string, string> | null;
  } | null;
}

/** The images of an engine: it keeps and pulls them itself. */
export function engineImages(engine: Engine): ImageSource {
  const listeners = new Set<() => void>();

  async function resolve(reference: string): Promise<NodeImage | undefined> {
    try {
      const found = await engine.call<ImageInspect>('GET', `/images/${encodeURI(nameOf(reference).text)}/json`);
      return imageOf(reference, found);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return undefined;
      throw error;
    }
  }

  return {
    async list() {
      const all = await engine.call<{ RepoTags?: string[] | null }[]>('GET', '/images/json');
      const names = all.flatMap(({ RepoTags }) => RepoTags ?? []).filter((name) => name !== pauseImage);
      const found = await Promise.all(names.map(resolve));
      return found.filter((image) => image !== undefined);
    },
    resolve,
    async tagsOf(reference) {
      const { repository } = nameOf(reference);
      const filters = JSON.stringify({ reference: [repository] });
      const all = await engine.call<{ RepoTags?: string[] | null }[]>('GET', '/images/json', { query: { filters } });
      return all
        .flatMap(({ RepoTags }) => (RepoTags ?? []).map((name) => name.slice(name.lastIndexOf(':') + 1)))
        .sort();
    },
    async pull(reference, pullSecrets) {
      const { repository, tag } = nameOf(reference);
      const auth = authFor(repository, pullSecrets);
      const headers: Record<string, string> = auth === undefined ? {} : { 'x-registry-auth': auth };
      const progress = await engine.stream('POST', '/images/create', {
        query: { fromImage: repository, tag },
        headers,
      });
      let said = '';
      for await (const chunk of progress) said = `${said}${chunk}`.slice(-mostProgress);
      const error = /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(said)?.[1];
      if (error !== undefined) throw new Error(JSON.parse(`"${error}"`) as string);
      const image = await resolve(reference);
      if (!image) throw new Error(`the engine has pulled ${reference} and does not have it`);
      for (const listener of listeners) listener();
      return image;
    },
    // Layers are the engine's own affair.
    unpack: async () => [],
    removeUnused: async () => undefined,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

const mostProgress = 64 * 1024;

/** The parts of 'host/name:tag' or 'host/name@digest'. @throws Error for what no image can be called */
function nameOf(reference: string): { repository: string; tag: string; text: string } {
  const [, repository = '', named, digest] =
    /^([\w.\-:/[\]]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  if (repository === '' || /\.\.|\/\/|^[/.]/.test(repository))
    throw new Error(`couldn't parse image name "${reference}": invalid reference format`);
  const tag = digest ?? named ?? 'latest';
  return { repository, tag, text: `${repository}${digest === undefined ? ':' : '@'}${tag}` };
}

function imageOf(reference: string, { Id, RepoDigests, Size, Config }: ImageInspect): NodeImage {
  const { repository, text } = nameOf(reference);
  const known = RepoDigests?.find((each) => each.startsWith(`${repository}@`)) ?? RepoDigests?.[0];
  return {
    reference: text,
    digest: known?.slice(known.indexOf('@') + 1) ?? Id,
    size: Size,
    base: undefined,
    config: {
      entrypoint: Config?.Entrypoint ?? [],
      cmd: Config?.Cmd ?? [],
      env: Config?.Env ?? [],
      workingDir: Config?.WorkingDir || '/',
      user: Config?.User ?? '',
      labels: Config?.Labels ?? {},
    },
  };
}

interface DockerConfig {
  auths?: Record<string, { username?: string; password?: string; auth?: string }>;
}

/** The X-Registry-Auth header for a repository, of the configurations that imagePullSecrets hold. */
function authFor(repository: string, pullSecrets: readonly unknown[]): string | undefined {
  const [first = ''] = repository.split('/');
  const host = /[.:]|^localhost$/.test(first) && repository.includes('/') ? first : 'docker.io';
  for (const secret of pullSecrets as DockerConfig[]) {
    for (const [key, entry] of Object.entries(secret.auths ?? {})) {
      const place = key
        .replace(/^https?:\/\//, '')
        .replace(/\/.*$/, '')
        .replace(/^index\.docker\.io$/, 'docker.io');
      if (place !== host) continue;
      const [username = '', ...password] = Buffer.from(entry.auth ?? '', 'base64')
        .toString('utf8')
        .split(':');
      const auth = {
        username: entry.username ?? username,
        password: entry.password ?? password.join(':'),
        serveraddress: key,
      };
      return Buffer.from(JSON.stringify(auth)).toString('base64url');
    }
  }
  return undefined;
}
