import { resourcePath } from '../../machinery/index.ts';
import { dataOf, type EnvSources, fieldOf, resourceField } from '../kubelet/env.ts';
import { type DownwardFile, serviceAccounts, type Volume, type VolumeProjection } from '../pod.ts';
import type { VolumeFile } from './files.ts';

/** Files of a volume, and when they should be made anew (a token's time), in milliseconds since the epoch. */
export interface VolumeContent {
  files: VolumeFile[];
  renewAt?: number;
}

export interface Sources extends Pick<EnvSources, 'client' | 'pod' | 'podIp' | 'hostIp' | 'capacity'> {
  /** Tokens that are still good, by what they were asked for. */
  tokens: Map<string, { token: string; renewAt: number }>;
}

const defaultTokenLife = 3600;

/** The files of a configMap, secret, downwardAPI or projected volume; undefined for volumes of other kinds. */
export async function contentOf(volume: Volume, sources: Sources): Promise<VolumeContent | undefined> {
  if (volume.configMap) return projected([{ configMap: volume.configMap }], volume.configMap.defaultMode, sources);
  if (volume.secret) {
    const { secretName, items, optional, defaultMode } = volume.secret;
    return projected([{ secret: { name: secretName, items, optional } }], defaultMode, sources);
  }
  if (volume.downwardAPI)
    return projected([{ downwardAPI: volume.downwardAPI }], volume.downwardAPI.defaultMode, sources);
  return volume.projected && projected(volume.projected.sources ?? [], volume.projected.defaultMode, sources);
}

async function projected(
  list: readonly VolumeProjection[],
  defaultMode = 0o644,
  sources: Sources,
): Promise<VolumeContent> {
  const content: VolumeContent = { files: [] };
  for (const source of list) {
    if (source.configMap) content.files.push(...(await keyFiles('configmap', source.configMap, defaultMode, sources)));
    else if (source.secret) content.files.push(...(await keyFiles('secret', source.secret, defaultMode, sources)));
    else if (source.downwardAPI)
      content.files.push(...downwardFiles(source.downwardAPI.items ?? [], defaultMode, sources));
    else if (source.serviceAccountToken) await addToken(source.serviceAccountToken, defaultMode, content, sources);
    else throw new Error(`this node does not support projected volumes with ${Object.keys(source)[0] ?? 'no source'}`);
  }
  return content;
}

async function keyFiles(
  kind: 'configmap' | 'secret',
  source: NonNullable<VolumeProjection['configMap']>,
  defaultMode: number,
  sources: Sources,
): Promise<VolumeFile[]> {
  const data = await dataOf(sources, kind, source.name ?? '', source.optional);
  if (!data) return [];
  if (!source.items) return [...data].map(([path, content]) => ({ path, content, mode: defaultMode }));
  return source.items.flatMap(({ key, path, mode }) => {
    const content = data.get(key);
    if (content) return [{ path, content, mode: mode ?? defaultMode }];
    if (source.optional) return [];
    throw new Error(
      `${kind === 'secret' ? '' : 'configmap '}references non-existent ${kind === 'secret' ? 'secret' : 'config'} key: ${key}`,
    );
  });
}

function downwardFiles(items: readonly DownwardFile[], defaultMode: number, sources: Sources): VolumeFile[] {
  const [first = { name: '' }] = sources.pod.spec?.containers ?? [];
  return items.map((item) => {
    const text = item.fieldRef
      ? fieldOf(sources, item.fieldRef.fieldPath)
      : item.resourceFieldRef
        ? resourceField(item.resourceFieldRef, first, sources)
        : '';
    return { path: item.path, content: Buffer.from(text), mode: item.mode ?? defaultMode };
  });
}

async function addToken(
  source: NonNullable<VolumeProjection['serviceAccountToken']>,
  mode: number,
  content: VolumeContent,
  sources: Sources,
): Promise<void> {
  const life = source.expirationSeconds ?? defaultTokenLife;
  const key = `${source.audience ?? ''} ${life}`;
  const known = sources.tokens.get(key);
  const fresh =
    known && known.renewAt > Date.now()
      ? known
      : { token: await requestToken(source.audience, life, sources), renewAt: renewalOf(life) };
  sources.tokens.set(key, fresh);
  const owner = onlyUser(sources.pod);
  const shielded = owner !== undefined || sources.pod.spec?.securityContext?.fsGroup !== undefined;
  content.files.push({
    path: source.path,
    content: Buffer.from(fresh.token),
    mode: shielded ? 0o600 : mode,
    ...(owner === undefined ? {} : { owner }),
  });
  content.renewAt = Math.min(content.renewAt ?? fresh.renewAt, fresh.renewAt);
}

/** The user that all containers run as, when they say and agree: a token is then theirs alone. */
function onlyUser({ spec }: Sources['pod']): number | undefined {
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const users = new Set(
    all.map(({ securityContext }) => securityContext?.runAsUser ?? spec?.securityContext?.runAsUser),
  );
  return users.size === 1 ? [...users][0] : undefined;
}

/** As the kubelet: anew when 80% of a token's time is over, and at the latest after a day. */
const renewalOf = (life: number) => Date.now() + Math.min(life * 0.8, 86_400) * 1000;

async function requestToken(audience: string | undefined, life: number, { client, pod }: Sources): Promise<string> {
  const at = {
    namespace: pod.metadata.namespace,
    name: pod.spec?.serviceAccountName || 'default',
    subresource: 'token',
  };
  const answer = await client.post<{ status?: { token?: string } }>(resourcePath(serviceAccounts, at), {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: audience ? [audience] : [],
      expirationSeconds: life,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid },
    },
  });
  const token = answer.status?.token;
  if (!token) throw new Error(`the API server gave no token for service account ${at.namespace}/${at.name}`);
  return token;
}
